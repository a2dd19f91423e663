"""What every comparison here has in common: whom it compares, how often, and its users."""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.load import Limits, OpenLoop, Users
from benchmarks.peers.compare import in_turns
from benchmarks.peers.haproxy import HAPROXY
from benchmarks.peers.headway import HEADWAY
from benchmarks.peers.nginx import NGINX
from benchmarks.peers.peer import Peer, Running
from benchmarks.peers.ray_serve import RAY_SERVE
from benchmarks.peers.table import Table
from benchmarks.report import Figure

PEERS = (HEADWAY, HAPROXY, NGINX, RAY_SERVE)
RATE_S = 200.0  # what each of the candidates carries with ease, so that only the fault is seen
BEFORE_S = 1.5  # users with nothing going on
TIMEOUT_S = 5.0
USERS = Limits(timeout_s=TIMEOUT_S, post_every=2)

RESTARTED = (
    "HAProxy and nginx only balance: the harness restarts their dead backends at once. Headway and "
    "Ray Serve start their own."
)
REPEATED = (
    "Half of the requests are POSTs, which nobody sends twice; a POST that is on its way when its "
    "backend dies fails everywhere."
)


@dataclass(frozen=True, slots=True)
class Options:
    rounds: int
    peers: Sequence[Peer] = PEERS


Scenario = Callable[[Options], Awaitable[Table]]
Round = TypeVar("Round")


async def compared(
    scenario: str,
    title: str,
    options: Options,
    once: Callable[[Peer], Awaitable[Round]],
    row: Callable[[Sequence[Round], Sequence[Round]], Mapping[str, Figure]],
    notes: Sequence[str] = (),
) -> Table:
    """Each candidate once in each round; `row` gets its own rounds and Headway's beside them.

    Who cannot be measured is said to be so, and does not keep the others from it.
    """
    by_name = {peer.name: peer for peer in options.peers}
    found: dict[str, list[Round]] = defaultdict(list)
    broke: dict[str, str] = {}
    for number, name in in_turns([*by_name], options.rounds):
        if name in broke or number >= by_name[name].rounds_most:
            continue
        print(f"  round {number + 1}: {name}", file=sys.stderr, flush=True)
        try:
            found[name].append(await once(by_name[name]))
        except Exception as error:  # noqa: BLE001 - whatever it was, it is this candidate's row
            broke[name] = f"{name} could not be measured: {type(error).__name__}: {error}"
    base = found[next(iter(by_name))]
    return Table(
        scenario,
        f"{title}; {options.rounds} rounds",
        {name: row(found[name], base) if found[name] else {} for name in by_name},
        (*notes, *broke.values()),
        promise="every candidate can be measured" if broke else "",
        kept=False if broke else None,
    )


@asynccontextmanager
async def under_load(
    running: Running, rate_s: float = RATE_S, limits: Limits = USERS
) -> AsyncIterator[OpenLoop]:
    """Users who keep coming for as long as the block lasts; `stop()` gives what they saw."""
    load = OpenLoop(Users(running.target, limits, name=f"r{time.time_ns():x}"), rate_s)
    try:
        yield load
    finally:
        await load.stop()


def handled_twice(running: Running) -> int:
    """POSTs that were carried out more than once, by what the backends wrote down."""
    try:
        lines = running.handled_file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    return sum(n > 1 for n in Counter(line.partition(" ")[0] for line in lines).values())
