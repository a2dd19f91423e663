"""A target on loopback whose manners the test sets, and a scraper that aims at it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from headway.monitoring.io.scrape import Scraper, Watch
from headway.monitoring.io.store import Limits, Store
from headway.monitoring.series import NAME, Matcher, MatchOp, is_stale
from headway.monitoring.targets import Page, Target

INTERVAL_S = 0.05
EVER = (0, 1 << 60)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n"


class Exporter:
    """Answers every request with `answer`; None: not at all."""

    def __init__(self) -> None:
        self.answer: bytes | None = PLAIN + b"requests_total 1\n"
        self.asked = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if self.answer is None:
                await reader.read()
            else:
                writer.write(self.answer)
                await writer.drain()
        writer.close()


class Scraping:
    """A scraper at work in a thread of its own, over a store that anybody may ask."""

    def __init__(self, store: Store, home: Path) -> None:
        self.store = store
        self.exporter = Exporter()
        self._home = home
        self._loop = asyncio.new_event_loop()
        self._born = threading.Event()
        self._end: asyncio.Event
        self.scraper: Scraper
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(),))

    def aim(self, *targets: Target) -> None:
        self._loop.call_soon_threadsafe(self.scraper.aim, targets)

    def target(self, life: int = 1) -> Target:
        return Target((("job", "web"),), Page("127.0.0.1", self.exporter.port), life=life)

    @property
    def watch(self) -> Watch | None:
        return next((w for w in self.scraper.watches if w.target.base["job"] == "web"), None)

    def values(self, name: str, **labels: str) -> list[float]:
        """Every sample of these series, in the order of time; None of them STALE."""
        found: list[tuple[int, float]] = []
        for group in self.store.select(matching(name, labels), *EVER):
            for row in group.values:
                there = ~is_stale(row)
                found += zip(group.times_ms[there].tolist(), row[there].tolist(), strict=True)
        return [value for _, value in sorted(found)]

    def has_ended(self, name: str) -> bool:
        groups = self.store.select(matching(name, {"job": "web"}), *EVER)
        return bool(groups) and all(bool(np.all(is_stale(g.values[:, -1]))) for g in groups)

    @contextmanager
    def at_work(self) -> Iterator["Scraping"]:
        self._thread.start()
        assert self._born.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)
            self._loop.close()
            self.store.close()

    async def _live(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self.exporter.serve, "127.0.0.1", 0)
        self.exporter.port = server.sockets[0].getsockname()[1]
        now: Callable[[], int] = lambda: round(time.time() * 1000)  # noqa: E731
        self.scraper = Scraper(self.store, self._home, now, INTERVAL_S)
        running = asyncio.create_task(self.scraper.run())
        self._born.set()
        await self._end.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        server.close()


def scraping(folder: Path) -> Scraping:
    # The store counts series until its next cut; here only the limit of the scraper counts.
    limits = Limits(sync=False, series_per_target=50_000)
    return Scraping(Store(folder / "samples", limits, tell=print), folder)


def matching(name: str, labels: dict[str, str]) -> Sequence[Matcher]:
    return [Matcher(k, MatchOp.EQUAL, v) for k, v in {NAME: name, **labels}.items()]
