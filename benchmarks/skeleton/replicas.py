"""Replicas that die, hang or drown while users keep coming."""

import asyncio
import os
import random
import signal

from benchmarks.load import ClosedLoop, Limits, Users
from benchmarks.report import Finding
from benchmarks.site_under_test import Description, Seen, SiteUnderTest, pids, running
from benchmarks.summary import between, summarize

KILLS = 20
REPAIR_S_MAX = 20.0
REST_S = 0.5  # between two kills: users without trouble are part of the picture
OVERLOAD_S = 20.0
OVERLOAD_USERS = 400


async def kill(seed: int) -> Finding:
    """SIGKILL of one ready replica after the other, at 500 requests per second."""
    chance = random.Random(seed)
    repaired_s: list[float] = []
    async with running(Description(replicas=4)) as site:
        load = site.load(rate_s=500)
        for _ in range(KILLS):
            repaired_s.append(await _kill_one(site, chance))
            await asyncio.sleep(REST_S)
        records = await load.stop()
        twice = site.handled_twice()
    seen = summarize(records)
    return Finding(
        scenario=f"kill -9 of a replica, {KILLS} times, 500 requests/s",
        promise="each is replaced; no POST is carried out twice; no user sees an outage",
        kept=twice == 0 and seen.longest_outage_ms < 100,
        figures={
            "requests": seen.sent,
            "failed": seen.failed,
            "failed by kind": str(seen.failed_by_kind),
            "longest outage, ms": seen.longest_outage_ms,
            "carried out twice": twice,
            "repaired after, s (longest)": max(repaired_s),
            "p99, ms": seen.p99_ms,
        },
    )


async def _kill_one(site: SiteUnderTest, chance: random.Random) -> float:
    before = await site.seen()
    assert before is not None, "headwayd must be there while only replicas die"
    victim = chance.choice(before.ready).pid
    assert victim is not None, "a ready replica has a process"
    os.kill(victim, signal.SIGKILL)

    def repaired(seen: Seen) -> bool:
        return victim not in pids(seen.replicas) and len(seen.ready) == seen.desired_count

    return await site.until(repaired, limit_s=REPAIR_S_MAX)


async def pause(seed: int) -> Finding:
    """SIGSTOP: the process lives and its port accepts, but nobody answers."""
    chance = random.Random(seed)
    async with running(Description(replicas=4)) as site:
        load = site.load(rate_s=500, timeout_s=3.0)
        await asyncio.sleep(2)
        before = await site.seen()
        assert before is not None, "headwayd must be there while only replicas hang"
        victim = chance.choice(before.ready).pid
        assert victim is not None, "a ready replica has a process"
        paused_s = load.users.now_s
        os.kill(victim, signal.SIGSTOP)
        out_s = await site.until(lambda seen: victim not in pids(seen.ready), limit_s=REPAIR_S_MAX)
        await asyncio.sleep(5)
        again_s = await site.until(
            lambda seen: len(seen.ready) == seen.desired_count, limit_s=REPAIR_S_MAX
        )
        records = await load.stop()
    seen = summarize(records)
    later = summarize(between(records, paused_s + 1.0, load.users.now_s))
    return Finding(
        scenario="SIGSTOP of one replica of four, 500 requests/s",
        promise="it is out of traffic within a second, and then nobody notices",
        kept=later.failed == 0,
        figures={
            "requests": seen.sent,
            "failed": seen.failed,
            "failed by kind": str(seen.failed_by_kind),
            "failed later than 1 s after": later.failed,
            "seen as not ready after, s": out_s,
            "complete again after 5 s and, s": again_s,
            "p99 later than 1 s after, ms": later.p99_ms,
        },
    )


async def overload(_: int) -> Finding:
    """Many more users than capacity, with health checks that queue behind their requests."""
    described = Description(replicas=4, slots=4, takes_ms=20, health_through_slots=True)
    capacity_per_s = described.replicas * described.slots / (described.takes_ms / 1000)
    async with running(described) as site:
        before = await site.seen()
        users = Users(site.target, Limits(connections_max=OVERLOAD_USERS, timeout_s=10))
        load = ClosedLoop(users, OVERLOAD_USERS)
        await asyncio.sleep(OVERLOAD_S)
        after = await site.seen()
        records = await load.stop()
    seen = summarize(records)
    assert before is not None, "headwayd must be there before the load"
    alive = after is not None and pids(after.replicas) == pids(before.replicas)
    good_per_s = seen.ok / OVERLOAD_S
    return Finding(
        scenario=f"{OVERLOAD_USERS} users at once, health checks queue with the work",
        promise="the fleet stays in rotation, nothing is replaced, 80 % of capacity is answered",
        kept=alive and good_per_s >= 0.8 * capacity_per_s,
        figures={
            "capacity, requests/s": capacity_per_s,
            "answered well, requests/s": good_per_s,
            "failed": seen.failed,
            "failed by kind": str(seen.failed_by_kind),
            "replicas replaced": "none" if alive else "some",
            "p50, ms": seen.p50_ms,
            "p99, ms": seen.p99_ms,
        },
    )
