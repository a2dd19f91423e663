"""Every backend is replaced by another process while users keep coming."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peers.compare import added, median_or_none, ratio
from benchmarks.peers.hurt import Hurt, hurt
from benchmarks.peers.peer import Peer
from benchmarks.peers.scenario import (
    BEFORE_S,
    RATE_S,
    Options,
    compared,
    handled_twice,
    under_load,
)
from benchmarks.peers.table import Table
from benchmarks.report import Figure
from benchmarks.site_under_test import Description

SHAPE = Description(replicas=3)
AFTER_S = 1.0
NOTES = (
    (
        "HAProxy: for each, `set server … state drain`, wait until it has no session, SIGTERM, "
        "start, `state ready`. nginx: for each, the new one beside the old, a reload without the "
        "old, wait for the old workers, SIGTERM. The harness does by hand what Headway and Ray "
        "Serve do on one order (`headway restart`, a redeployment)."
    ),
)


@dataclass(frozen=True, slots=True)
class Replaced:
    users: Hurt
    took_s: float
    twice: int


async def rolling(options: Options) -> Table:
    title = f"Replacement of all {SHAPE.replicas}, {RATE_S:.0f} requests/s"
    return await compared("rolling", title, options, _once, _row, NOTES)


async def _once(peer: Peer) -> Replaced:
    async with peer.running(SHAPE) as running, under_load(running) as load:
        await asyncio.sleep(BEFORE_S)
        before = {member.pid for member in await running.members()}
        at_s = load.users.now_s
        await running.replace_all()
        took_s = load.users.now_s - at_s
        await asyncio.sleep(AFTER_S)
        left = before & {member.pid for member in await running.members()}
        records = await load.stop()
        twice = handled_twice(running)
    if left:
        raise RuntimeError(f"{peer.name} still runs {len(left)} of the old processes")
    return Replaced(hurt(records, at_s, at_s + took_s + AFTER_S), took_s, twice)


def _row(rounds: Sequence[Replaced], base: Sequence[Replaced]) -> dict[str, Figure]:
    took_s = [r.took_s for r in rounds]
    return {
        "requests": sum(r.users.requests for r in rounds),
        "GETs failed": sum(r.users.gets_failed for r in rounds),
        "POSTs failed": sum(r.users.posts_failed for r in rounds),
        "by kind": added([r.users.by_kind for r in rounds]),
        "later than 100 ms": sum(r.users.slow for r in rounds),
        "slowest good answer, ms": max((r.users.worst_ms or 0.0 for r in rounds), default=None),
        "took, s (median)": median_or_none(took_s),
        "took x Headway": ratio(took_s, [r.took_s for r in base]),
        "carried out twice": sum(r.twice for r in rounds),
    }
