"""Work queries out in threads: so many at once, each within a time and a number of samples.

Whoever goes on waiting in vain is told so at once; a query whose asker has left ends soon.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from headway.api.prometheus import answers
from headway.monitoring.promql.evaluate import query
from headway.monitoring.promql.setting import Meter, Setting
from headway.monitoring.series import Source

AT_ONCE_MAX = 4
WAITING_MAX = 32
TIME_S_MAX = 60.0


class QueryTimeoutError(Exception):
    """It needs more time than it may have."""


class TooManyQueriesError(Exception):
    """So many are waiting already that this one would never have its turn."""


class Deadline:
    """Asked again and again by a query while it works."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self._at_s = time.monotonic() + length_s
        self._left = threading.Event()

    def leave(self) -> None:
        """Nobody waits for the answer any more."""
        self._left.set()

    def check(self) -> None:
        if self._left.is_set() or time.monotonic() > self._at_s:
            raise QueryTimeoutError(f"query timed out: it needs more than {self.length_s:g} s")


class Queries:
    def __init__(
        self, source: Source, *, at_once_max: int = AT_ONCE_MAX, time_s_max: float = TIME_S_MAX
    ) -> None:
        self.source = source
        self._time_s_max = time_s_max
        self._pool = ThreadPoolExecutor(at_once_max, thread_name_prefix="query")
        self._at_once_max = at_once_max
        self._inside = 0

    def deadline(self, asked_s: float) -> Deadline:
        return Deadline(min(asked_s, self._time_s_max) if asked_s > 0 else self._time_s_max)

    async def instant(self, text: str, at_ms: int, lookback_ms: int, deadline: Deadline) -> bytes:
        def work() -> bytes:
            setting = self._setting(at_ms, at_ms, lookback_ms, deadline)
            value = query(text, setting)
            return _encoded(answers.instant(value, at_ms, deadline.check), setting)

        return await self.run(work, deadline)

    async def over_time(
        self, text: str, times: tuple[int, int, int], lookback_ms: int, deadline: Deadline
    ) -> bytes:
        start_ms, end_ms, step_ms = times

        def work() -> bytes:
            setting = self._setting(start_ms, end_ms, lookback_ms, deadline)
            value = query(text, setting, step_ms=step_ms)
            times_ms = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
            return _encoded(answers.over_time(value, times_ms, deadline.check), setting)

        return await self.run(work, deadline)

    async def run(self, work: Callable[[], bytes], deadline: Deadline) -> bytes:
        """In a thread. What was not begun in time is not begun at all."""
        if self._inside >= self._at_once_max + WAITING_MAX:
            raise TooManyQueriesError(f"{self._inside} queries are under way; try again soon")
        self._inside += 1

        def begin() -> bytes:
            deadline.check()
            return work()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, begin)
        finally:
            self._inside -= 1
            deadline.leave()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _setting(self, start_ms: int, end_ms: int, lookback_ms: int, deadline: Deadline) -> Setting:
        return Setting(
            self.source,
            start_ms,
            end_ms,
            lookback_ms=lookback_ms,
            meter=Meter(check=deadline.check),
        )


def _encoded(data: Mapping[str, object], setting: Setting) -> bytes:
    infos = [f"PromQL info: {note}" for note in sorted(setting.notes)]
    return encoded(answers.success(data, infos))


def encoded(answer: Mapping[str, object]) -> bytes:
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
