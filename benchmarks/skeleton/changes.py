"""Changes that a person asks for. Users must not notice any of them."""

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.report import Figure, Finding
from benchmarks.site_under_test import Description, SiteUnderTest, running
from benchmarks.summary import summarize

BEFORE_S = AFTER_S = 1.0  # users with nothing going on, to compare with
Change = Callable[[SiteUnderTest], Awaitable[None]]


async def scale(_: int) -> Finding:
    async def up_and_down(site: SiteUnderTest) -> None:
        for count in ("8", "2", "4"):
            await site.must("scale", "web", count)
            await site.settled()

    return await _unnoticed("scale 4 -> 8 -> 2 -> 4", up_and_down)


async def rolling(_: int) -> Finding:
    async def restart(site: SiteUnderTest) -> None:
        await site.must("restart", "web")
        await site.settled()

    return await _unnoticed("rolling restart of 4 replicas", restart)


async def drain(_: int) -> Finding:
    async def drain_each(site: SiteUnderTest) -> None:
        seen = await site.seen()
        assert seen is not None, "headwayd must be there to be asked"
        for replica in seen.ready:
            await site.must("drain", replica.id)
            await site.settled()

    return await _unnoticed("drain of each of 4 replicas in turn", drain_each)


async def envoy_twin(_: int) -> Finding:
    async def replace(site: SiteUnderTest) -> None:
        before = await site.seen()
        assert before is not None, "headwayd must be there to be asked"
        await site.must("envoy", "replace")
        await site.until(
            lambda seen: seen.envoy_generation > before.envoy_generation and seen.settled,
            limit_s=60,
        )

    return await _unnoticed("Envoy replaced by a twin", replace)


async def _unnoticed(scenario: str, change: Change) -> Finding:
    async with running(Description(replicas=4)) as site:
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
