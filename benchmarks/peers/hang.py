"""SIGSTOP of one backend: its port accepts, nobody answers."""

import os
import signal

from benchmarks.peers.faults import Fault, play
from benchmarks.peers.peer import Member
from benchmarks.peers.scenario import REPEATED, Options
from benchmarks.peers.table import Table


async def _stop(victim: Member) -> None:
    os.kill(victim.pid, signal.SIGSTOP)


FAULT = Fault(
    scenario="hang",
    title="SIGSTOP",
    make=_stop,
    watched_s=6.0,
    times=1,
    notes=(
        (
            "Behind HAProxy and nginx the backend stays as it is: nobody there replaces what "
            "hangs. nginx tries it again every 2 s, with a request of a user, because it has no "
            "checks."
        ),
        (
            "HAProxy and nginx give up on an answer after 1 s, Headway asks a second backend after "
            "its latency budget of 200 ms; users give up after 5 s."
        ),
        REPEATED,
    ),
)


async def hang(options: Options) -> Table:
    return await play(FAULT, options)
