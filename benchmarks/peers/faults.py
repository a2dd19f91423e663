"""One backend of several goes bad: what users of each candidate notice until it is out of the way.

`kill`, `hang` and `not_ok` are one of these each; they differ in how it goes bad.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.peers.compare import added, median_or_none, ratio
from benchmarks.peers.hurt import Hurt, hurt, last_seen_ms
from benchmarks.peers.peer import Member, Peer
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
from benchmarks.summary import Record

SHAPE = Description(replicas=3)
APART_S = 0.3  # so that nothing of the next fault is counted among what this one did


@dataclass(frozen=True, slots=True)
class Fault:
    scenario: str
    title: str
    make: Callable[[Member], Awaitable[None]]
    watched_s: float  # after each; the time to mask cannot come out longer
    times: int  # in each round, another backend each time
    notes: tuple[str, ...]
    serves_on: bool = False  # masked when it gets nothing more, not when nobody is hurt any more
    needs_checks: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """One candidate in one round."""

    hurts: Sequence[Hurt]
    mask_ms: float
    twice: int


async def play(fault: Fault, options: Options) -> Table:
    unfit = [p.name for p in options.peers if fault.needs_checks and not p.checks_health]
    fit = replace(options, peers=[p for p in options.peers if p.name not in unfit])
    table = await compared(
        fault.scenario,
        f"{fault.title}: one of {SHAPE.replicas}, {RATE_S:.0f} requests/s, {fault.times} in each "
        "round",
        fit,
        partial(_once, fault),
        _row,
        fault.notes,
    )
    return replace(table, rows={p.name: table.rows.get(p.name, {}) for p in options.peers})


async def _once(fault: Fault, peer: Peer) -> Played:
    made: list[tuple[float, Member]] = []
    async with peer.running(SHAPE) as running, under_load(running) as load:
        await asyncio.sleep(BEFORE_S)
        for number in range(fault.times):
            members = await running.members()
            victim = members[number % len(members)]
            made.append((load.users.now_s, victim))
            await fault.make(victim)
            await asyncio.sleep(fault.watched_s + APART_S)
        records = await load.stop()
        twice = handled_twice(running)
    hurts = [hurt(records, at_s, at_s + fault.watched_s) for at_s, _ in made]
    masks = [_mask_ms(fault, records, at_s, victim) for at_s, victim in made]
    return Played(hurts, median_or_none(masks) or 0.0, twice)


def _mask_ms(fault: Fault, records: Sequence[Record], at_s: float, victim: Member) -> float:
    if fault.serves_on:
        return last_seen_ms(records, victim.name, at_s)
    return hurt(records, at_s, at_s + fault.watched_s).mask_ms


def _row(played: Sequence[Played], base: Sequence[Played]) -> dict[str, Figure]:
    hurts = [h for p in played for h in p.hurts]
    return {
        "requests": sum(h.requests for h in hurts),
        "GETs failed": sum(h.gets_failed for h in hurts),
        "POSTs failed": sum(h.posts_failed for h in hurts),
        "by kind": added([h.by_kind for h in hurts]),
        "later than 100 ms": sum(h.slow for h in hurts),
        "time to mask, ms (median)": median_or_none([p.mask_ms for p in played]),
        "x Headway": ratio([p.mask_ms for p in played], [p.mask_ms for p in base]),
        "slowest good answer, ms": max((h.worst_ms or 0.0 for h in hurts), default=None),
        "carried out twice": sum(p.twice for p in played),
    }
