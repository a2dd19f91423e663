"""A flood of denials is a few events and a count."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from headway.api.control import DenialView
from headway.api.denials import WRITTEN_MAX, Denials
from headway.model.errors import JournalFullError
from headway.model.event import Event

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def denial(actor: str) -> DenialView:
    return DenialView(actor, "enter", "api", "no token")


def test_a_flood_is_a_few_events_and_then_a_count_with_names() -> None:
    written: list[Event] = []
    counted = asyncio.Event()

    async def record(events: Sequence[Event]) -> None:
        written.extend(events)
        if len(written) > WRITTEN_MAX:
            counted.set()

    async def flood() -> None:
        denials = Denials(record, lambda: NOON, window_s=0.2)
        for number in range(10_000):
            await denials.tell(denial("bot" if number % 10 else f"visitor {number}"))
        assert len(written) == WRITTEN_MAX
        await asyncio.wait_for(counted.wait(), 10)
        await denials.tell(denial("later"))

    asyncio.run(flood())
    assert len(written) == WRITTEN_MAX + 2
    total = f"{10_000 - WRITTEN_MAX:,} more attempts within 0.2 s were denied: bot 8,98"
    assert written[-2].text.startswith(total)
    assert "others" in written[-2].text
    assert written[-1].actor == "later"


def test_a_denial_that_cannot_be_written_down_is_a_denial_all_the_same() -> None:
    async def full(events: Sequence[Event]) -> None:
        raise JournalFullError("the disk is full")

    async def knock() -> None:
        await Denials(full, lambda: NOON).tell(denial("bot"))

    asyncio.run(knock())
