"""A backend joins ten others at 80 % load: how much it gets at first.

The time begins with the first request that it answers. For Headway's own promise, which is sharper,
see `benchmarks/newcomer.py`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.load import Limits
from benchmarks.peers.compare import added, median_or_none, ratio
from benchmarks.peers.hurt import most_at_once, share
from benchmarks.peers.peer import Peer
from benchmarks.peers.scenario import BEFORE_S, Options, compared, under_load
from benchmarks.peers.table import Table
from benchmarks.report import Figure
from benchmarks.site_under_test import Description
from benchmarks.summary import Record, summarize

RATE_S = 1000.0
OLD = 10
SHAPE = Description(replicas=OLD, slots=10, takes_ms=80)  # ten times 125 requests/s
FAIR_PERCENT = 100 / (OLD + 1)
WINDOWS_S = (0.1, 1.0)
WATCHED_S = 3.0


@dataclass(frozen=True, slots=True)
class Joined:
    """Shares in percent; None when the newcomer answered nothing at all."""

    first: float | None
    second: float | None
    most_at_once: int
    by_kind: Mapping[str, int]


async def newcomer(options: Options) -> Table:
    slower = [f"{p.name} at {p.rate_most_s:.0f}" for p in options.peers if p.rate_most_s < RATE_S]
    notes = [f"An equal share would be {FAIR_PERCENT:.1f} %. HAProxy has `slowstart 10s`."]
    if slower:
        notes.append(f"{', '.join(slower)} requests/s, with work that takes longer instead.")
    title = f"An eleventh backend joins ten at 80 % load, {RATE_S:.0f} requests/s"
    return await compared("newcomer", title, options, _once, _row, notes)


async def _once(peer: Peer) -> Joined:
    rate_s = min(RATE_S, peer.rate_most_s)
    shape = replace(SHAPE, takes_ms=SHAPE.takes_ms * RATE_S / rate_s)
    users = Limits(connections_max=2048)
    async with peer.running(shape) as running, under_load(running, rate_s, users) as load:
        await asyncio.sleep(BEFORE_S)
        before = {member.name for member in await running.members()}
        await running.add_one()
        await asyncio.sleep(WATCHED_S)
        (name,) = {member.name for member in await running.members()} - before
        records = await load.stop()
    return joined(records, name)


def joined(records: Sequence[Record], name: str) -> Joined:
    """Pure; the time of the newcomer begins with the first request that it answered."""
    by_kind = summarize(records).failed_by_kind
    arrived_s = min((r.due_s for r in records if r.answered_by == name), default=None)
    if arrived_s is None:
        return Joined(None, None, 0, by_kind)
    shares = (share(records, name, arrived_s, length_s) for length_s in WINDOWS_S)
    first, second = (None if part is None else 100 * part for part in shares)
    until_s = arrived_s + max(WINDOWS_S)
    at_once = most_at_once([r for r in records if r.due_s < until_s], name)
    return Joined(first, second, at_once, by_kind)


def _row(rounds: Sequence[Joined], base: Sequence[Joined]) -> dict[str, Figure]:
    return {
        "share in the first 100 ms, %": median_or_none([r.first for r in rounds]),
        "x Headway": ratio([r.first for r in rounds], [r.first for r in base]),
        "share in the first second, %": median_or_none([r.second for r in rounds]),
        "most at once in it": max((r.most_at_once for r in rounds), default=None),
        "failed": added([r.by_kind for r in rounds]) or "0",
    }
