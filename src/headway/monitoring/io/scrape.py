"""Fetch every target again and again, and keep what it tells.

Each target has its own moment within the interval, so that the work is spread. A scrape that
fails, is late, too big or malformed is counted and shown, never fatal; a target that vanishes ends
its series. Rows are written by one thread, so that a slow disk holds up nobody who is fetched.
"""

import asyncio
import logging
import os
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headway.model.errors import HeadwayError
from headway.monitoring import envoy
from headway.monitoring.exposition import Exposition, ExpositionError, Metadata, Reading
from headway.monitoring.head import Feed
from headway.monitoring.io import census
from headway.monitoring.io.fetch import Reason, ScrapeError, fetch_local, fetch_page
from headway.monitoring.io.store import Store
from headway.monitoring.row import Key, Row, known
from headway.monitoring.series import Floats
from headway.monitoring.targets import Admin, Page, Target

INTERVAL_S = 1.0
TIMEOUT_S = 0.9
SELDOM_S = 60.0  # whoever tells no metrics is asked again after this
MALFORMED_MAX = 10  # in a row; then it is asked seldom, too
FETCHES_AT_ONCE_MAX = 64
SERIES_MAX = 10_000  # of one target, as in `store.Limits`
READ_ASIDE_CHARS = 256 << 10  # longer texts are read in a thread
ROWS_WAITING_MAX = 20_000

log = logging.getLogger("headway.monitor")


@dataclass(slots=True)
class Told:
    """Every series that a target ever told, by its column."""

    exposition: Exposition = field(default_factory=lambda: Exposition(SERIES_MAX))
    row: Row = field(default_factory=Row)
    feed: Feed | None = None  # how the store knows them; the writer's business


@dataclass(slots=True)
class Watch:
    """One target, fetched again and again."""

    target: Target
    told: Told = field(default_factory=Told)
    errors: Counter[Reason] = field(default_factory=Counter)
    failed_in_a_row: int = 0
    ask_at_s: float = 0.0  # not before
    last_at_s: float | None = None  # wall clock
    last_took_s: float = 0.0
    last_error: str = ""
    is_up: bool | None = None  # None: not known, or it has no metrics


class Scraper:
    """`aim` says at what; `run` does it until cancelled."""

    def __init__(
        self,
        store: Store,
        home: Path,
        now_ms: Callable[[], int],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._store = store
        self._home = home
        self.watchlist_age_s = 0.0  # how long headwayd has not said what to watch
        self._now_ms = now_ms
        self._interval_s = interval_s
        self._watches: dict[tuple[tuple[str, str], ...], Watch] = {}
        self._tasks: dict[tuple[tuple[str, str], ...], asyncio.Task[None]] = {}
        self._fetching = asyncio.Semaphore(FETCHES_AT_ONCE_MAX)
        self._census = census.Census({}, {})
        self._waiting: list[tuple[Watch, Told, int, Floats]] = []
        self._rows_lost = 0
        self._store_trouble = ""
        self._monitor = Target(
            (("instance", "monitor"), ("job", "headway-monitor")), pids=(("", os.getpid()),)
        )

    @property
    def watches(self) -> tuple[Watch, ...]:
        return tuple(self._watches.values())

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        """What targets say of their metrics; the first one counts."""
        found: dict[str, Metadata] = {}
        for watch in self._watches.values():
            for name, said in watch.told.exposition.metadata.items():
                found.setdefault(name, said)
        return found

    def aim(self, targets: Iterable[Target]) -> None:
        """At exactly these, beside the monitor itself."""
        wanted = {target.labels: target for target in (*targets, self._monitor)}
        for labels in self._watches.keys() - wanted.keys():
            self._drop(labels)
        for labels, target in wanted.items():
            watch = self._watches.get(labels)
            if watch is None:
                watch = self._watches[labels] = Watch(target)
                name = f"scrape {dict(labels).get('instance', '')}"
                self._tasks[labels] = asyncio.create_task(self._follow(watch), name=name)
            elif target.life != watch.target.life:
                watch.ask_at_s, watch.failed_in_a_row = 0.0, 0
            watch.target = target

    async def run(self) -> None:
        try:
            while True:
                pids = {pid for w in self._watches.values() for _, pid in w.target.pids}
                self._census = await asyncio.to_thread(census.take_census, frozenset(pids))
                await self._write()
                await asyncio.sleep(self._interval_s)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            await self._write()

    def _drop(self, labels: tuple[tuple[str, str], ...]) -> None:
        watch = self._watches.pop(labels)
        self._tasks.pop(labels).cancel()
        self._keep(watch, self._now_ms(), watch.told.row.ended())

    async def _follow(self, watch: Watch) -> None:
        """At its own moment of each interval. A bug in one scrape is not the end of the others."""
        share = zlib.crc32(repr(watch.target.labels).encode()) / 2**32
        while True:
            now_s = time.monotonic()
            slot = now_s // self._interval_s + share
            start_s = slot * self._interval_s
            await asyncio.sleep(start_s - now_s + (self._interval_s if start_s <= now_s else 0.0))
            try:
                await self._scrape(watch)
            except Exception:
                log.exception("a scrape of %s failed", dict(watch.target.labels))

    async def _scrape(self, watch: Watch) -> None:
        at_ms = self._now_ms()
        about = self._about(watch.target)
        reading: Reading | None = None
        if watch.target.fetch is None:
            watch.is_up = None
        elif watch.ask_at_s <= time.monotonic():
            reading = await self._ask(watch)
            watch.last_at_s = at_ms / 1000
        about |= _of_scrape(watch, reading)
        told = watch.told
        self._keep(watch, at_ms, told.row.values(told.exposition.labels, reading, about))
        if reading is not None and reading.refused and 2 * reading.told < len(told.row.labels):
            watch.told = Told()  # most of what is remembered is long gone and in the way

    async def _ask(self, watch: Watch) -> Reading | None:
        """What the target tells; None, with everything about it noted, when that is nothing."""
        started_s = time.monotonic()
        try:
            async with self._fetching:
                text = await _fetched(watch.target)
            if len(text) > READ_ASIDE_CHARS:
                reading = await asyncio.to_thread(watch.told.exposition.read, text)
            else:
                reading = watch.told.exposition.read(text)
        except ScrapeError as error:
            _failed(watch, error.reason, str(error), started_s)
            return None
        except ExpositionError as error:
            _failed(watch, Reason.MALFORMED, str(error), started_s)
            return None
        watch.last_took_s = time.monotonic() - started_s
        watch.failed_in_a_row, watch.is_up = 0, True
        most = f"{reading.refused:,} series beyond {SERIES_MAX:,} were refused"
        watch.last_error = most if reading.refused else ""
        return reading

    def _about(self, target: Target) -> dict[Key, float]:
        found: dict[Key, float] = {}
        for process, pid in target.pids:
            found |= census.about(self._census.of(pid), process)
        for fact in target.facts:
            found[known(fact.name, **dict(fact.labels))] = fact.value
        if target is self._monitor:
            found |= census.host(self._home)
            found[known("headway_monitor_targets")] = len(self._watches)
            found[known("headway_monitor_watchlist_age_seconds")] = self.watchlist_age_s
            found |= _of_store(self._store)
            found[known("headway_monitor_rows_lost_total")] = self._rows_lost
        return found

    def _keep(self, watch: Watch, at_ms: int, values: Floats) -> None:
        if len(self._waiting) >= ROWS_WAITING_MAX:
            self._rows_lost += 1
            return
        self._waiting.append((watch, watch.told, at_ms, values))

    async def _write(self) -> None:
        rows, self._waiting = self._waiting, []
        trouble = ""
        try:
            await asyncio.to_thread(self._append, rows)
        except (HeadwayError, OSError) as error:
            self._rows_lost += len(rows)
            trouble = str(error)
        except Exception as error:  # nobody is left without figures for a fault in keeping them
            self._rows_lost += len(rows)
            trouble = repr(error)
            if trouble != self._store_trouble:
                log.exception("a fault in keeping samples")
        if trouble != self._store_trouble:
            log.error("samples cannot be kept: %s", trouble) if trouble else log.info("kept again")
        self._store_trouble = trouble

    def _append(self, rows: Iterable[tuple[Watch, Told, int, Floats]]) -> None:
        for watch, told, at_ms, values in rows:
            told.feed = told.feed or self._store.feed(watch.target.base, _counters(told))
            self._store.append(told.feed, at_ms, told.row.labels[: len(values)], values)
        self._store.commit()


def _counters(told: Told) -> frozenset[str]:
    metadata = list(told.exposition.metadata.items())
    return frozenset(name for name, said in metadata if said.kind in ("counter", "histogram"))


def _of_store(store: Store) -> dict[Key, float]:
    figures = store.figures
    return {
        known("headway_monitor_samples_total"): figures.samples,
        known("headway_monitor_samples_refused_total"): figures.samples_refused,
        known("headway_monitor_series_refused_total"): figures.series_refused,
        known("headway_monitor_damages_total"): figures.damages,
        known("headway_monitor_memory_bytes"): store.memory_bytes,
        known("headway_monitor_disk_bytes"): store.disk_bytes,
    }


async def _fetched(target: Target) -> str:
    match target.fetch:
        case Page() as page:
            return await fetch_page(page, TIMEOUT_S)
        case Admin(socket=socket, arrows=arrows, releases=releases):
            stats, clusters = await asyncio.gather(
                fetch_local(socket, envoy.STATS_PATH, TIMEOUT_S),
                fetch_local(socket, envoy.CLUSTERS_PATH, TIMEOUT_S),
            )
            try:
                return envoy.told(stats, clusters, arrows, dict(releases))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ScrapeError(Reason.MALFORMED, f"Envoy's answer: {error!r}") from error
        case None:
            raise AssertionError("who is not fetched is not asked")


def _failed(watch: Watch, reason: Reason, text: str, started_s: float) -> None:
    watch.last_took_s = time.monotonic() - started_s
    watch.last_error = text
    watch.failed_in_a_row += 1
    watch.is_up = None if reason is Reason.NONE_TOLD else False
    if reason is not Reason.NONE_TOLD:
        watch.errors[reason] += 1
    never = reason is Reason.MALFORMED and watch.failed_in_a_row >= MALFORMED_MAX
    if never or reason is Reason.NONE_TOLD:
        watch.ask_at_s = time.monotonic() + SELDOM_S


def _of_scrape(watch: Watch, reading: Reading | None) -> dict[Key, float]:
    """Nothing about who has no metrics: there is nothing wrong with him."""
    errors = {
        known("scrape_errors_total", reason=reason): float(count)
        for reason, count in watch.errors.items()
    }
    if watch.is_up is None:
        return errors
    return {
        known("up"): float(watch.is_up),
        known("scrape_duration_seconds"): watch.last_took_s,
        known("scrape_samples_scraped"): float(reading.told if reading else 0),
        known("scrape_series_refused"): float(reading.refused if reading else 0),
        **errors,
    }
