"""From the decision to the traffic: `Traffic.publish` to the first request that goes the new way.

The real `FileTraffic` and the real Envoy, with a service of 10, 100 and 1,000 endpoints. So that
every single request tells where it goes, one endpoint is near and all others are far: the near one
gets everything, and each change makes another one near. The file holds them all each time.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.peers.crowd import PAUSE_S, USERS, Asked, address_of
from benchmarks.peers.process import PORTS, accepts, end, folder, spawn, until
from benchmarks.peers.scenario import Options
from benchmarks.peers.table import Table
from benchmarks.report import Figure
from benchmarks.summary import percentile

from headway.model.desired import Desired
from headway.model.ids import ServiceName
from headway.model.rotation import Share
from headway.model.site import Entry, Health
from headway.testing.builders import desired, seen, wish
from headway.traffic.bootstrap import Limits
from headway.traffic.io.admin import AdminUnreachableError
from headway.traffic.io.envoy import Envoy, find_envoy
from headway.traffic.io.files import FileTraffic

SIZES = (10, 100, 1_000)
MOST_MS, PROMISED_SIZE = 10.0, 1_000
BETWEEN_S = 0.2  # longer than any change should need
# A check of each endpoint every 40 ms would be 25,000 requests a second in the largest case.
# And all first checks come at once, so that they need more than the usual 80 ms.
CHECKED_EVERY_S, CHECK_TIMEOUT_S = 5.0, 4.0
WORKERS = 2
STARTED_S_MAX = 60.0
LIMITS = Limits(connections=10_000, heap_bytes=1 << 30)


@dataclass(frozen=True, slots=True)
class Change:
    at_s: float  # when `publish` was called
    published_s: float  # when it returned
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Took:
    """All from the call of `publish`."""

    publish_ms: float
    first_new_ms: float
    last_old_ms: float


async def decision(options: Options) -> Table:
    found = {size: await _measured(size, options.rounds) for size in SIZES}
    slowest_ms = _percentile([t.first_new_ms for t in found[PROMISED_SIZE]], 0.95)
    return Table(
        "decision",
        f"Decision to traffic, {options.rounds} changes of who gets it",
        {f"{size:,} endpoints": _row(took) for size, took in found.items()},
        (
            (
                f"{USERS} users ask {1000 * PAUSE_S:g} ms after each answer: that is how finely it "
                "is seen."
            ),
        ),
        promise=f"p95 <= {MOST_MS:g} ms to the first request that goes the new way, "
        f"{PROMISED_SIZE:,} endpoints",
        kept=slowest_ms is not None and slowest_ms <= MOST_MS,
    )


def took(changes: Sequence[Change], asked: Sequence[Asked]) -> list[Took]:
    """Each change with the requests up to the next one; pure."""
    ends_s = [*(after.at_s for after in changes[1:]), float("inf")]
    found = []
    for change, end_s in zip(changes, ends_s, strict=True):
        own = [(s, who) for s, who in asked if change.at_s <= s < end_s]
        first_s = min((s for s, who in own if who == change.new), default=None)
        if first_s is None:
            raise RuntimeError(f"no request reached {change.new} in {end_s - change.at_s:.1f} s")
        last_s = max((s for s, who in own if who == change.old), default=change.at_s)
        found.append(
            Took(*(1000 * (s - change.at_s) for s in (change.published_s, first_s, last_s)))
        )
    return found


async def _measured(size: int, rounds: int) -> list[Took]:
    with folder() as place:
        async with _serving(place, size) as site:
            asked = place / "asked.json"
            async with _program("users", site.entry_port, asked, log=place / "users.log") as users:
                await until(partial(_exists, asked), limit_s=STARTED_S_MAX, what="no users")
                changes = [await site.change(number) for number in range(1, rounds + 1)]
                await asyncio.sleep(BETWEEN_S)
                await end(users, grace_s=STARTED_S_MAX)
            rows: list[list[float | str]] = json.loads(asked.read_text(encoding="ascii"))
    return took(changes, [(float(at_s), str(who)) for at_s, who in rows])


class _Site:
    """One service whose first endpoint is near; `change` makes another one so."""

    def __init__(self, traffic: FileTraffic, size: int) -> None:
        self.entry_port, self.endpoint_port = PORTS.take(), PORTS.take()
        self._traffic, self._size = traffic, size
        self._near = 0
        self._desired = _described(size, self.entry_port)

    async def publish(self) -> None:
        await self._traffic.publish(self._desired, self._rotation())

    async def change(self, number: int) -> Change:
        old, self._near = self._near, number % self._size
        await asyncio.sleep(BETWEEN_S)
        rotation = self._rotation()
        at_s = time.monotonic()
        await self._traffic.publish(self._desired, rotation)
        return Change(at_s, time.monotonic(), address_of(old), address_of(self._near))

    def _rotation(self) -> list[Share]:
        shares = []
        for number in range(self._size):
            replica = seen(f"web-{number}")
            address, port = address_of(number), self.endpoint_port
            process = replace(replica.process, address=address, port=port)
            near = number == self._near
            shares.append(Share(replace(replica, process=process), near=near))
        return shares


def _described(size: int, port: int) -> Desired:
    web = wish("web", size)
    health = Health(every_s=CHECKED_EVERY_S, timeout_s=CHECK_TIMEOUT_S)
    checked = replace(web.service, health=health)
    entry = Entry(ServiceName("web"), port)
    return replace(desired(replace(web, service=checked)), entry=entry)


@asynccontextmanager
async def _serving(place: Path, size: int) -> AsyncIterator[_Site]:
    keeper = _Keeper(place)
    envoy = Envoy(
        node="bench",
        directory=place,
        binary=find_envoy(),
        keeper=keeper,
        workers=WORKERS,
        limits=LIMITS,
        live_within_s=STARTED_S_MAX,
    )
    traffic = FileTraffic(
        directory=place,
        binary=find_envoy(),
        admins=envoy.admins,
        entry_address="127.0.0.1",
        workers=WORKERS,
        retired_kept_s=STARTED_S_MAX,
    )
    site = _Site(traffic, size)

    async def all_healthy() -> bool:
        with suppress(AdminUnreachableError):  # it is busy with a thousand first checks
            return sum(host.passes_checks for host in await envoy.serving.hosts()) == size
        return False

    try:
        crowd = _program("endpoints", site.endpoint_port, size, log=place / "crowd.log")
        async with crowd:
            await site.publish()
            await envoy.ensure()
            await until(all_healthy, limit_s=STARTED_S_MAX, what="Envoy does not find all healthy")
            await until(lambda: accepts(site.entry_port), limit_s=STARTED_S_MAX, what="no entry")
            yield site
    finally:
        await traffic.close()
        await keeper.end()


@asynccontextmanager
async def _program(
    what: str, port: int, last: object, *, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    argv = (sys.executable, "-m", "benchmarks.peers.crowd", what, str(port), str(last))
    process = await spawn(*argv, log=log)
    try:
        yield process
    finally:
        await end(process, grace_s=2.0)


class _Keeper:
    """Satisfies `traffic.io.envoy.Keeper`, but restarts nothing: an Envoy that dies is a result."""

    def __init__(self, place: Path) -> None:
        self._log = place / "envoy.log"
        self._kept: dict[str, asyncio.subprocess.Process] = {}

    async def keep(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], directory: Path
    ) -> None:
        if name not in self._kept:
            self._kept[name] = await spawn(*argv, log=self._log, env=env, directory=directory)

    async def unkeep(self, name: str, grace_s: float) -> None:
        if name in self._kept:
            await end(self._kept.pop(name), grace_s=grace_s)

    async def end(self) -> None:
        for name in [*self._kept]:
            await self.unkeep(name, 2.0)


async def _exists(file: Path) -> bool:
    return await asyncio.to_thread(file.exists)


def _row(took: Sequence[Took]) -> dict[str, Figure]:
    new = [t.first_new_ms for t in took]
    old = [t.last_old_ms for t in took]
    own = [t.publish_ms for t in took]
    return {
        "first at the new: p50, ms": _percentile(new, 0.50),
        "p95, ms": _percentile(new, 0.95),
        "last at the old: p50, ms": _percentile(old, 0.50),
        "its p95, ms": _percentile(old, 0.95),
        "publish itself: p50, ms": _percentile(own, 0.50),
        "p95 of that, ms": _percentile(own, 0.95),
    }


def _percentile(figures: Sequence[float], share: float) -> float | None:
    return percentile(sorted(figures), share)
