"""Changes that a person asks for. Users must not notice any of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from benchmarks.report import Figure, Finding
from benchmarks.site_under_test import Description, SiteUnderTest, pids, running
from benchmarks.summary import summarize

SITE = Description(replicas=3)
BEFORE_S = AFTER_S = 1.0  # users with nothing going on, to compare with
Change = Callable[[SiteUnderTest], Awaitable[None]]


async def scale(_: int) -> Finding:
    async def up_and_down(site: SiteUnderTest) -> None:
        for count in ("6", "2"):
            await site.must("scale", "web", count)
            await site.settled()

    return await _unnoticed("scale 3 -> 6 -> 2", up_and_down)


async def rolling(_: int) -> Finding:
    async def change(site: SiteUnderTest) -> None:
        before = await site.look()
        await site.describe(replace(SITE, greeting="good morning"))
        await site.settled()
        after = await site.look()
        assert not pids(before.replicas) & pids(after.replicas), "every process is another one"

    return await _unnoticed("rolling change of env, 3 replicas", change)


async def drain(_: int) -> Finding:
    async def drain_each(site: SiteUnderTest) -> None:
        for replica in (await site.look()).ready:
            await site.must("drain", replica.id)
            await site.settled()

    return await _unnoticed("drain of each of 3 replicas in turn", drain_each)


async def envoy_twin(_: int) -> Finding:
    async def put_another(site: SiteUnderTest) -> None:
        before = await site.look()
        await site.must("envoy", "replace")
        await site.until(
            lambda seen: seen.envoy_generation > before.envoy_generation and seen.settled,
            limit_s=60,
        )

    return await _unnoticed("Envoy replaced by a twin", put_another)


async def _unnoticed(scenario: str, change: Change) -> Finding:
    async with running(SITE) as site:
        load = site.load(rate_s=500)
        await asyncio.sleep(BEFORE_S)
        began_s = load.users.now_s
        await change(site)
        took_s = load.users.now_s - began_s
        await asyncio.sleep(AFTER_S)
        records = await load.stop()
        twice = site.handled_twice()
    seen = summarize(records)
    figures: dict[str, Figure] = {
        "requests": seen.sent,
        "failed": seen.failed,
        "failed by kind": str(seen.failed_by_kind),
        "carried out twice": twice,
        "took, s": took_s,
        "p99, ms": seen.p99_ms,
        "max, ms": seen.max_ms,
    }
    return Finding(
        scenario=f"{scenario}, 500 requests/s",
        promise="not one request fails and none is carried out twice",
        kept=seen.failed == 0 and twice == 0,
        figures=figures,
    )
