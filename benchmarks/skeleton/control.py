"""Headway's own processes die: users notice nothing, or in Envoy's case only for a moment."""

import asyncio
import os
import signal
from collections.abc import Callable

from benchmarks.report import Finding
from benchmarks.site_under_test import Description, Seen, SiteUnderTest, pids, running
from benchmarks.summary import summarize

SITE = Description(replicas=3)
BACK_S_MAX = 30.0
AFTER_S = 3.0
ENVOY_OUTAGE_MS_MAX = 500.0


async def headwayd(_: int) -> Finding:
    return await _killed("headwayd", SiteUnderTest.daemon_pid, outage_ms_max=0)


async def keeper(_: int) -> Finding:
    return await _killed("the keeper", SiteUnderTest.keeper_pid, outage_ms_max=0)


async def envoy(_: int) -> Finding:
    async with running(SITE) as site:
        victim = (await site.look()).envoy_pid
        return await _killed_in(site, "Envoy", lambda _: victim, outage_ms_max=ENVOY_OUTAGE_MS_MAX)


Find = Callable[[SiteUnderTest], int | None]


async def _killed(name: str, find: Find, *, outage_ms_max: float) -> Finding:
    async with running(SITE) as site:
        return await _killed_in(site, name, find, outage_ms_max=outage_ms_max)


async def _killed_in(
    site: SiteUnderTest, name: str, find: Find, *, outage_ms_max: float
) -> Finding:
    before = await site.look()
    victim = find(site)
    assert victim is not None, f"{name} has no process"
    load = site.load(rate_s=500)
    await asyncio.sleep(1)
    os.kill(victim, signal.SIGKILL)

    def back(seen: Seen) -> bool:
        found = seen.envoy_pid if name == "Envoy" else find(site)
        return seen.settled and found not in {None, victim}

    back_s = await site.until(back, limit_s=BACK_S_MAX)
    await asyncio.sleep(AFTER_S)
    after = await site.seen()
    records = await load.stop()
    twice = site.handled_twice()
    seen = summarize(records)
    same = after is not None and pids(after.replicas) == pids(before.replicas)
    same_envoy = after is not None and after.envoy_pid == before.envoy_pid
    return Finding(
        scenario=f"SIGKILL of {name}, 500 requests/s",
        promise=_promise(outage_ms_max),
        kept=same
        and twice == 0
        and (same_envoy or name == "Envoy")
        and _bearable(seen.failed, seen.longest_outage_ms, outage_ms_max),
        figures={
            "requests": seen.sent,
            "failed": seen.failed,
            "failed by kind": str(seen.failed_by_kind),
            "longest outage, ms": seen.longest_outage_ms,
            "back after, s": back_s,
            "same replica processes": "yes" if same else "no",
            "same Envoy process": "yes" if same_envoy else "no",
            "carried out twice": twice,
            "p99, ms": seen.p99_ms,
        },
    )


def _promise(outage_ms_max: float) -> str:
    if outage_ms_max == 0:
        return "no request fails, every other process lives on, and it comes back"
    return f"serving again <= {outage_ms_max:g} ms, and the replicas live on"


def _bearable(failed: int, outage_ms: float, outage_ms_max: float) -> bool:
    return failed == 0 if outage_ms_max == 0 else outage_ms <= outage_ms_max
