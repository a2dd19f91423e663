"""Ten minutes in which anything may happen, one thing after the other, chosen by a seed."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from benchmarks.report import Figure, Finding
from benchmarks.site_under_test import Description, Seen, SiteUnderTest, running
from benchmarks.summary import summarize

DURATION_S = 600.0
PAUSE_S = (0.5, 4.0)  # between two things
SETTLED_S_MAX = 60.0
Act = Callable[[SiteUnderTest, Seen, random.Random], Awaitable[None]]


async def _kill_replica(_: SiteUnderTest, seen: Seen, chance: random.Random) -> None:
    _signal(chance.choice(seen.ready).pid, signal.SIGKILL)


async def _pause_replica(_: SiteUnderTest, seen: Seen, chance: random.Random) -> None:
    pid = chance.choice(seen.ready).pid
    _signal(pid, signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(0.2, 3.0))
    _signal(pid, signal.SIGCONT)


async def _kill_envoy(_: SiteUnderTest, seen: Seen, __: random.Random) -> None:
    _signal(seen.envoy_pid, signal.SIGKILL)


async def _kill_headwayd(site: SiteUnderTest, _: Seen, __: random.Random) -> None:
    _signal(site.daemon_pid(), signal.SIGKILL)


async def _kill_keeper(site: SiteUnderTest, _: Seen, __: random.Random) -> None:
    _signal(site.keeper_pid(), signal.SIGKILL)


async def _scale(site: SiteUnderTest, _: Seen, chance: random.Random) -> None:
    await site.headway("scale", "web", str(chance.randint(3, 6)), "--no-wait")


async def _restart(site: SiteUnderTest, _: Seen, __: random.Random) -> None:
    await site.headway("restart", "web", "--no-wait")


async def _drain(site: SiteUnderTest, seen: Seen, chance: random.Random) -> None:
    await site.headway("drain", chance.choice(seen.ready).id, "--no-wait")


async def _replace_envoy(site: SiteUnderTest, _: Seen, __: random.Random) -> None:
    await site.headway("envoy", "replace")


# How often each comes, against the others.
ACTS: Mapping[Act, int] = {
    _kill_replica: 8,
    _pause_replica: 4,
    _scale: 4,
    _drain: 3,
    _restart: 2,
    _kill_headwayd: 2,
    _kill_keeper: 2,
    _kill_envoy: 1,
    _replace_envoy: 1,
}


async def chaos(seed: int, duration_s: float = DURATION_S) -> Finding:
    chance = random.Random(seed)
    done: Counter[str] = Counter()
    async with running(Description(replicas=4)) as site:
        load = site.load(rate_s=200)
        while load.users.now_s < duration_s:
            (act,) = chance.choices([*ACTS], weights=[*ACTS.values()])
            seen = await site.seen()
            if seen is not None and seen.ready:
                await act(site, seen, chance)
                done[act.__name__.strip("_").replace("_", " ")] += 1
            await asyncio.sleep(chance.uniform(*PAUSE_S))
        settled_s = await _settled_s(site)
        records = await load.stop()
        twice = site.handled_twice()
    seen_by_users = summarize(records)
    figures: dict[str, Figure] = {
        "requests": seen_by_users.sent,
        "failed": seen_by_users.failed,
        "failed by kind": str(seen_by_users.failed_by_kind),
        "longest outage, ms": seen_by_users.longest_outage_ms,
        "carried out twice": twice,
        "settled after the last, s": settled_s,
        "p99, ms": seen_by_users.p99_ms,
    }
    return Finding(
        scenario=f"chaos for {duration_s:.0f} s with seed {seed}, 200 requests/s",
        promise="all is as described again within a minute; no POST is carried out twice; "
        "no process, port or file is left",
        kept=settled_s is not None and twice == 0,
        figures=figures | {f"  {name}": times for name, times in done.most_common()},
    )


async def _settled_s(site: SiteUnderTest) -> float | None:
    try:
        return await site.settled(limit_s=SETTLED_S_MAX)
    except TimeoutError:
        return None


def _signal(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):  # it was quicker than we were
            os.kill(pid, number)
