"""Attempts that were not allowed become events; a flood of them becomes a few and a count.

Whoever knocks a million times must not push everything else out of the journal.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from headway.api.control import DenialView
from headway.model.errors import HeadwayError
from headway.model.event import Event

WRITTEN_MAX = 20  # within one window
WINDOW_S = 60.0
NAMED_MAX = 5  # actors in the sentence that counts the rest
COUNTED_MAX = 1000  # actors told apart

log = logging.getLogger("headway.api")


class Denials:
    def __init__(
        self,
        record: Callable[[Sequence[Event]], Awaitable[None]],
        now: Callable[[], datetime],
        *,
        window_s: float = WINDOW_S,
    ) -> None:
        self._record = record
        self._now = now
        self._window_s = window_s
        self._written = 0
        self._unwritten: Counter[str] = Counter()
        self._window: asyncio.Task[None] | None = None

    async def tell(self, denial: DenialView) -> None:
        if self._window is None:
            self._window = asyncio.create_task(self._close_window(), name="denials")
        if self._written >= WRITTEN_MAX:
            known = denial.actor in self._unwritten or len(self._unwritten) < COUNTED_MAX
            self._unwritten[denial.actor if known else "others"] += 1
            return
        self._written += 1
        await self._write(
            Event(
                self._now(),
                denial.environment,
                "denied",
                denial.subject,
                f"{denial.actor} may not {denial.verb} {denial.subject}: {denial.reason}",
                denial.actor,
                {"verb": denial.verb},
            )
        )

    async def _close_window(self) -> None:
        await asyncio.sleep(self._window_s)
        unwritten = self._unwritten
        self._window, self._written, self._unwritten = None, 0, Counter()
        if not unwritten:
            return
        most = [f"{actor} {count:,}" for actor, count in unwritten.most_common(NAMED_MAX)]
        rest = len(unwritten) - len(most)
        text = f"{unwritten.total():,} more attempts within {self._window_s:g} s were denied: "
        text += ", ".join(most) + (f" and {rest:,} others" if rest > 0 else "")
        data = {"count": unwritten.total()}
        await self._write(Event(self._now(), None, "denied", "api", text, "unknown", data))

    async def _write(self, event: Event) -> None:
        """The answer is "no" also when that cannot be written down."""
        try:
            await self._record([event])
        except HeadwayError as error:
            log.warning("not in the journal (%s): %s", error, event.text)
