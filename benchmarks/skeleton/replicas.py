"""Replicas that die or hang while users keep coming."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks.load import OpenLoop
from benchmarks.report import Figure, Finding
from benchmarks.site_under_test import Description, Replica, Seen, SiteUnderTest, running
from benchmarks.summary import Record, percentile, summarize

KILLS = 20
REPAIR_S_MAX = 20.0
REPLACED_S_MAX = 1.0  # beyond what the program itself needs to start
# A life that was healthy for 3 s is replaced at once; a shorter one is a crash loop, and waits.
LIVED_S = 3.2
NOTICED_S = 0.05  # what is sent within this time after a kill may still meet the closing sockets
OUT_MS_MAX = {"silent": 300.0, "not_ok": 100.0}
LOOK_S = 0.005
Break = Callable[[SiteUnderTest, Replica], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kill:
    at_s: float  # on the users' clock
    repaired_s: float
    own_start_s: float  # from the new process's birth to its open port


async def kill(seed: int) -> Finding:
    """SIGKILL of one ready replica after the other, each of which had lived well."""
    chance = random.Random(seed)
    kills: list[Kill] = []
    async with running(Description(replicas=3)) as site:
        ready_since_s = dict.fromkeys([r.id for r in (await site.look()).ready], time.monotonic())
        load = site.load(rate_s=500)
        for _ in range(KILLS):
            victim = await _who_lived(site, ready_since_s, chance)
            kills.append(await _kill_one(site, load, victim))
            ready_since_s[victim.id] = time.monotonic()
        records = await load.stop()
        twice = site.handled_twice()
    gets = summarize([r for r in records if r.method == "GET"])
    posts = summarize([r for r in records if r.method == "POST"])
    late = sum(not in_flight(r, kills) for r in records if r.method == "POST" and not r.ok)
    share_s = sorted(k.repaired_s - k.own_start_s for k in kills)
    return Finding(
        scenario=f"kill -9 of one of 3 replicas, {KILLS} times, 500 requests/s",
        promise="no GET fails, no POST but those in flight on the victim, none is carried out "
        f"twice; replaced <= {REPLACED_S_MAX:g} s + its own start",
        kept=not gets.failed and not late and not twice and share_s[-1] <= REPLACED_S_MAX,
        figures={
            "GETs": gets.sent,
            "GETs failed": gets.failed,
            "POSTs": posts.sent,
            "POSTs failed": posts.failed,
            "  of them not in flight at a kill": late,
            "failed by kind": str(summarize(records).failed_by_kind),
            "carried out twice": twice,
            "replaced without its own start, s (median)": percentile(share_s, 0.5),
            "replaced without its own start, s (longest)": share_s[-1],
            "its own start, s (longest)": max(k.own_start_s for k in kills),
            "p99 of GETs, ms": gets.p99_ms,
            "max of GETs, ms": gets.max_ms,
        },
    )


async def _who_lived(
    site: SiteUnderTest, ready_since_s: dict[str, float], chance: random.Random
) -> Replica:
    """One at a time, and only one that was healthy long enough."""
    ready = {r.id: r for r in (await site.look()).ready}
    oldest_s = min(ready_since_s.values())
    await asyncio.sleep(max(0.0, oldest_s + LIVED_S - time.monotonic()))
    until_s = time.monotonic() - LIVED_S
    return ready[chance.choice(sorted(n for n, at_s in ready_since_s.items() if at_s <= until_s))]


async def _kill_one(site: SiteUnderTest, load: OpenLoop, victim: Replica) -> Kill:
    assert victim.pid is not None, "a ready replica has a process"
    at_s = load.users.now_s
    os.kill(victim.pid, signal.SIGKILL)

    def successor(seen: Seen) -> Replica | None:
        ready = (r for r in seen.ready if r.id == victim.id)
        return next((r for r in ready if r.pid != victim.pid and r.in_rotation), None)

    repaired_s = await site.until(lambda seen: bool(successor(seen)), limit_s=REPAIR_S_MAX)
    new = successor(await site.look())
    assert new is not None, "it was there a moment ago"
    return Kill(at_s, repaired_s, float(await site.ask(new, "/started")))


def in_flight(record: Record, kills: Sequence[Kill]) -> bool:
    """It was on its way when a replica was killed, or met the sockets that were just closing."""
    return any(record.due_s - NOTICED_S <= k.at_s <= record.end_s for k in kills)


async def pause(seed: int) -> Finding:
    """SIGSTOP: the process lives and its port accepts, but nobody answers."""

    async def stop(_: SiteUnderTest, victim: Replica) -> None:
        assert victim.pid is not None, "a ready replica has a process"
        os.kill(victim.pid, signal.SIGSTOP)

    return await _taken_out(seed, "silent", "SIGSTOP", stop)


async def not_ok(seed: int) -> Finding:
    """The health check says no, but every request is served."""

    async def say_no(site: SiteUnderTest, victim: Replica) -> None:
        await site.ask(victim, "/control?mode=not_ok")

    return await _taken_out(seed, "not_ok", "Health says no", say_no)


async def _taken_out(seed: int, how: str, name: str, make_bad: Break) -> Finding:
    chance = random.Random(seed)
    async with running(Description(replicas=3)) as site:
        load = site.load(rate_s=500)
        await asyncio.sleep(2)
        before = await site.look()
        victim = chance.choice(before.ready)
        bad_s = load.users.now_s
        await make_bad(site, victim)
        out_s = await _out_s(site, before.envoy_generation, victim)
        await asyncio.sleep(5)
        again_s = await site.until(lambda seen: len(seen.ready) == 3, limit_s=REPAIR_S_MAX)
        records = await load.stop()
        twice = site.handled_twice()
    gets = summarize([r for r in records if r.method == "GET"])
    posts = summarize([r for r in records if r.method == "POST"])
    late = sum(r.due_s > bad_s + out_s and not r.ok for r in records)
    figures: dict[str, Figure] = {
        "out of rotation, by Envoy's own view, ms": 1000 * out_s,
        "GETs": gets.sent,
        "GETs failed": gets.failed,
        "POSTs failed (stuck on the victim)": posts.failed,
        "failed of what came after that": late,
        "carried out twice": twice,
        "complete again after 5 s and, s": again_s,
        "p99 of GETs, ms": gets.p99_ms,
        "max of GETs, ms": gets.max_ms,
    }
    limit_ms = OUT_MS_MAX[how]
    none = how == "not_ok" and posts.failed > 0
    return Finding(
        scenario=f"{name}: one of 3 replicas, 500 requests/s",
        promise=f"out <= {limit_ms:g} ms, no GET fails, and nothing fails after that",
        kept=1000 * out_s <= limit_ms and not (gets.failed or late or twice or none),
        figures=figures,
    )


async def _out_s(site: SiteUnderTest, generation: int, victim: Replica) -> float:
    """Until Envoy sends nothing more to this process."""
    envoy, began_s = site.envoy(generation), time.monotonic()
    while True:
        hosts = await envoy.hosts()
        took_s = time.monotonic() - began_s
        if not any(h.port == victim.port and h.passes_checks and not h.put_aside for h in hosts):
            return took_s
        if took_s > REPAIR_S_MAX:
            raise TimeoutError(f"{victim.id} is still in rotation after {REPAIR_S_MAX:g} s")
        await asyncio.sleep(LOOK_S)
