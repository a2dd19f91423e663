"""Three times more requests than the backends can answer; checks queue with the work.

Each candidate is compared with its own peak. Capacity is slots and sleep, so that the peak is the
backends' and not the processor's.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from benchmarks.load import ClosedLoop, Limits, Users
from benchmarks.peers.compare import added, median_or_none, ratio
from benchmarks.peers.peer import Peer, Running
from benchmarks.peers.scenario import TIMEOUT_S, Options, Scenario, compared, under_load
from benchmarks.peers.table import Table
from benchmarks.report import Figure
from benchmarks.site_under_test import Description
from benchmarks.summary import Summary, between, summarize

# 4 replicas of 4 slots, 40 ms each: 400 requests/s. Four times as many as slots may be in flight.
SHAPE = Description(replicas=4, slots=4, takes_ms=40, in_flight=16)
TIMES = 3
PEAK_S, OVERLOAD_S, SETTLING_S = 3.0, 6.0, 1.0
# Whoever waits in the candidate's queue holds a connection, and must not wait for one of ours.
CONNECTIONS_MAX = 4096
USERS_AT_PEAK = 3 * SHAPE.replicas * SHAPE.slots
NOTES = (
    (
        "Every candidate lets 16 requests at a time through to a backend (Headway `overload: "
        "{in_flight: 16}`, HAProxy `maxconn`, nginx `max_conns`, Ray Serve "
        "`max_ongoing_requests`). HAProxy lets the others wait for up to 1 s, Ray Serve lets 64 "
        "wait; Headway and nginx refuse them at once."
    ),
    (
        "Answered well: within the users' 5 s, per second, against the peak of the same candidate "
        "with 48 users who wait for their answers."
    ),
)

Round = tuple[float, Summary]  # peak per second, what users saw in overload


async def _overload(options: Options, *, through_slots: bool) -> Table:
    shape = replace(SHAPE, health_through_slots=through_slots)
    checks = "health checks wait in the backends' queues" if through_slots else "checks pass"
    return await compared(
        "overload-checks" if through_slots else "overload",
        f"{TIMES}x overload for {OVERLOAD_S:.0f} s, {checks}",
        options,
        partial(_once, shape),
        _row,
        NOTES,
    )


overload: Scenario = partial(_overload, through_slots=False)
overload_checks: Scenario = partial(_overload, through_slots=True)


async def _once(shape: Description, peer: Peer) -> Round:
    async with peer.running(shape) as running:
        peak_s = await _peak_per_s(running)
        users = Limits(CONNECTIONS_MAX, TIMEOUT_S)
        async with under_load(running, TIMES * peak_s, users) as load:
            await asyncio.sleep(SETTLING_S + OVERLOAD_S)
            records = await load.stop()
    return peak_s, summarize(between(records, SETTLING_S, SETTLING_S + OVERLOAD_S))


async def _peak_per_s(running: Running) -> float:
    """After a second to warm up."""
    load = ClosedLoop(Users(running.target, Limits(timeout_s=TIMEOUT_S)), USERS_AT_PEAK)
    await asyncio.sleep(SETTLING_S + PEAK_S)
    end_s = load.users.now_s
    records = await load.stop()
    good = sum(r.ok and end_s - PEAK_S <= r.end_s < end_s for r in records)
    return max(1.0, good / PEAK_S)


def _goodput(played: Round) -> float:
    peak_s, seen = played
    return 100 * seen.ok / OVERLOAD_S / peak_s


def _row(rounds: Sequence[Round], base: Sequence[Round]) -> dict[str, Figure]:
    seen = [summary for _, summary in rounds]
    goodput = [_goodput(r) for r in rounds]
    return {
        "peak, requests/s": median_or_none([peak_s for peak_s, _ in rounds]),
        "answered well, % of it": median_or_none(goodput),
        "x Headway": ratio(goodput, [_goodput(r) for r in base]),
        "p50, ms": median_or_none([s.p50_ms for s in seen]),
        "p99, ms": median_or_none([s.p99_ms for s in seen]),
        "slowest, ms": max((s.max_ms or 0.0 for s in seen), default=None),
        "refused or late, by kind": added([s.failed_by_kind for s in seen]),
    }
