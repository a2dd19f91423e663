"""Three times more requests than the site can answer, for a minute.

Capacity is made of slots and sleep, and the health check goes through the same slots: the case in
which checks become slow because of the load, and a proxy that believes them ends the service.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load import ClosedLoop, Limits, OpenLoop, Users
from benchmarks.report import Finding
from benchmarks.site_under_test import Description, SiteUnderTest, pids, running
from benchmarks.summary import Record, between, summarize

SITE = Description(replicas=4, slots=4, takes_ms=20, in_flight=64, health_through_slots=True)
PEAK_S, OVERLOAD_S = 10.0, 60.0
TIMES = 3
USERS_AT_PEAK = 4 * SITE.replicas * SITE.slots  # enough that no slot is ever idle
GOODPUT_MIN = 0.90
IN_ROTATION_MIN = 0.5
LOOK_S = 0.25
LIMITS = Limits(connections_max=4096, timeout_s=5)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Who gets requests at one moment."""

    published: int  # endpoints that Envoy knows
    used: int  # of them; all when so many fail that the check is suspect
    in_rotation: int  # by Headway's own status


async def overload(_: int, duration_s: float = OVERLOAD_S) -> Finding:
    async with running(SITE) as site:
        before = await site.look()
        peak_s = await _peak_per_s(site)
        users = Users(site.target, LIMITS)
        load = OpenLoop(users, TIMES * peak_s)
        watching = asyncio.create_task(_watch(site, before.envoy_generation, duration_s))
        rotations = await watching
        records = await load.stop()
        after = await site.look()
    counted = between(records, 1.0, duration_s)
    seen = summarize(counted)
    good_per_s = seen.ok / (duration_s - 1.0)
    same = pids(after.replicas) == pids(before.replicas)
    fewest = min(min(r.used, r.in_rotation) for r in rotations)
    answering = fewest_answering(counted, duration_s)
    half = SITE.replicas * IN_ROTATION_MIN
    return Finding(
        scenario=f"{TIMES}x overload for {duration_s:g} s, health checks queue with the work",
        promise=f"answered >= {GOODPUT_MIN:.0%} of the measured peak, never fewer than half of "
        "the replicas in rotation, none replaced",
        kept=good_per_s >= GOODPUT_MIN * peak_s and min(fewest, answering) >= half and same,
        figures={
            "peak of this site, requests/s": peak_s,
            "sent, requests/s": TIMES * peak_s,
            "answered well, requests/s": good_per_s,
            "answered well, % of the peak": 100 * good_per_s / peak_s,
            "fewest in rotation (Envoy's view and ours)": fewest,
            "fewest that answered within a second": answering,
            "looks": len(rotations),
            "replicas replaced": "none" if same else "some",
            "refused or late, by kind": str(seen.failed_by_kind),
            "p50 of answered, ms": seen.p50_ms,
            "p99 of answered, ms": seen.p99_ms,
        },
    )


async def _peak_per_s(site: SiteUnderTest) -> float:
    """What the same site answers when users wait for their answers, after a second to warm up."""
    users = Users(site.target, LIMITS)
    load = ClosedLoop(users, USERS_AT_PEAK)
    await asyncio.sleep(PEAK_S)
    end_s = users.now_s
    records = await load.stop()
    return sum(r.ok and 1.0 <= r.end_s < end_s for r in records) / (end_s - 1.0)


async def _watch(site: SiteUnderTest, generation: int, duration_s: float) -> list[Rotation]:
    envoy, found = site.envoy(generation), []
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        hosts = await envoy.hosts()
        fit = sum(h.passes_checks and not h.put_aside for h in hosts)
        # Envoy's panic: below half it uses all that it knows.
        used = len(hosts) if fit < len(hosts) / 2 else fit
        seen = await site.seen()
        ours = sum(r.in_rotation for r in seen.replicas) if seen else len(hosts)
        found.append(Rotation(len(hosts), used, ours))
        await asyncio.sleep(LOOK_S)
    return found


def fewest_answering(records: Sequence[Record], duration_s: float) -> int:
    """Users' own view: how many replicas gave good answers in the leanest second."""
    by_second: dict[int, set[str]] = {second: set() for second in range(2, int(duration_s))}
    for record in records:
        if record.ok and int(record.end_s) in by_second:
            by_second[int(record.end_s)].add(record.answered_by)
    return min((len(names) for names in by_second.values()), default=0)
