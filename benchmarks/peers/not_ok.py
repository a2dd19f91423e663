"""The health of one backend says no, while it still answers every request."""

from benchmarks.ask import ask
from benchmarks.peers.faults import Fault, play
from benchmarks.peers.peer import Member
from benchmarks.peers.scenario import Options
from benchmarks.peers.table import Table


async def _say_no(victim: Member) -> None:
    await ask(victim.port, "/control?mode=not_ok")


FAULT = Fault(
    scenario="not-ok",
    title="Health says no",
    make=_say_no,
    watched_s=3.0,
    times=1,
    serves_on=True,
    needs_checks=True,
    notes=(
        "Masked: the last request that the backend answered. Nothing needs to fail meanwhile.",
        (
            "The free version of nginx has no health checks. Ray Serve ends a replica after three "
            "checks in a row."
        ),
    ),
)


async def not_ok(options: Options) -> Table:
    return await play(FAULT, options)
