"""The journal: what was written stays, and a full disk is survived."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headway.journal.full import allowed_without_journal
from headway.journal.io.reserve import RESERVE_BYTES, set_reserve
from headway.journal.io.sqlite import (
    PRUNE_EVERY,
    SqliteJournal,
    open_journal,
)
from headway.journal.rows import StoredEnvironment
from headway.model.errors import JournalError, JournalFullError
from headway.model.event import Event
from headway.model.ids import EnvironmentName, ReplicaId, ServiceName
from headway.model.override import Change, DrainReplica, Override, Rank, RestartBefore, ScaleTo
from headway.model.plan import Drain, Forget, Start
from headway.model.release import Release
from headway.testing.builders import ENVIRONMENT, HOST, NEW, NOON, after, wish

WEB = ServiceName("web")
OTHER = replace(ENVIRONMENT, name=EnvironmentName("other"))


@asynccontextmanager
async def journal_at(folder: Path) -> AsyncIterator[SqliteJournal]:
    journal = await open_journal(folder / "journal.db")
    try:
        yield journal
    finally:
        await journal.close()


def with_journal(folder: Path, work: Callable[[SqliteJournal], Awaitable[None]]) -> None:
    async def run() -> None:
        async with journal_at(folder) as journal:
            await work(journal)

    asyncio.run(run())


def event(number: int, kind: str = "start") -> Event:
    return Event(NOON, ENVIRONMENT, kind, f"web-{number}", "because", "headway", {"n": number})


def stored() -> StoredEnvironment:
    release = Release(NEW, WEB, "d" * 64, {"a.py": "x"}, {"key": "1"})
    return StoredEnvironment(
        id=ENVIRONMENT,
        text="headway: 1",
        directory="/site",
        file="site.yaml",
        digest="abc",
        applied_at=NOON,
        going_down=False,
        purge=False,
        ports={"block": 10240, "a>b": 10241},
        releases={WEB: release},
    )


def test_each_opening_takes_the_next_epoch(tmp_path: Path) -> None:
    epochs: list[int] = []

    async def note(journal: SqliteJournal) -> None:
        epochs.append(journal.epoch)

    for _ in range(3):
        with_journal(tmp_path, note)
    assert epochs == [1, 2, 3]


def test_events_come_back_oldest_first_and_page_on(tmp_path: Path) -> None:
    async def work(journal: SqliteJournal) -> None:
        await journal.record([event(n) for n in range(10)])
        last = await journal.events(ENVIRONMENT, after=None, limit=3, kind=None)
        assert [e.data["n"] for _, e in last] == [7, 8, 9]
        since = await journal.events(ENVIRONMENT, after=last[0][0], limit=10, kind=None)
        assert [e.data["n"] for _, e in since] == [8, 9]
        one = await journal.events(
            ENVIRONMENT, after=None, limit=9, kind=None, subjects=frozenset({"web-4"})
        )
        assert [e for _, e in one] == [event(4)]

    with_journal(tmp_path, work)


def test_what_is_wanted_survives_the_daemon(tmp_path: Path) -> None:
    async def write(journal: SqliteJournal) -> None:
        await journal.put_environment(stored(), [event(1, "apply")])

    async def read(journal: SqliteJournal) -> None:
        assert await journal.environments() == (stored(),)

    with_journal(tmp_path, write)
    with_journal(tmp_path, read)


def test_overrides_come_back_as_they_were_and_expired_ones_go_with_the_next(
    tmp_path: Path,
) -> None:
    changes: list[Change] = [
        ScaleTo(WEB, 3),
        RestartBefore(WEB, NOON),
        DrainReplica(WEB, ReplicaId("w"), NOON),
    ]
    made = [
        Override(change, Rank.HUMAN, "anna", "why", after(n), after(n) + timedelta(seconds=60))
        for n, change in enumerate(changes)
    ]

    async def work(journal: SqliteJournal) -> None:
        for override in made:
            await journal.add_override(ENVIRONMENT, override, [])
        assert await journal.overrides(ENVIRONMENT) == tuple(made)
        late = Override(ScaleTo(WEB, 1), Rank.HUMAN, "anna", "", after(500), after(900))
        await journal.add_override(ENVIRONMENT, late, [])
        assert await journal.overrides(ENVIRONMENT) == (late,)

    with_journal(tmp_path, work)


def test_an_override_takes_the_place_of_those_that_it_replaces_and_of_no_others(
    tmp_path: Path,
) -> None:
    def restart(service: str, s: float) -> Override:
        change = RestartBefore(ServiceName(service), after(s))
        until = after(s) + timedelta(hours=24)
        return Override(change, Rank.HUMAN, "anna", "", after(s), until)

    async def work(journal: SqliteJournal) -> None:
        await journal.add_override(ENVIRONMENT, restart("db", 0), [])
        await journal.add_override(OTHER, restart("web", 0), [])
        for number in range(50):
            await journal.add_override(ENVIRONMENT, restart("web", number), [])
        assert await journal.overrides(ENVIRONMENT) == (restart("db", 0), restart("web", 49))
        assert len(await journal.overrides(OTHER)) == 1

    with_journal(tmp_path, work)


def test_an_environment_that_is_gone_leaves_its_events(tmp_path: Path) -> None:
    async def work(journal: SqliteJournal) -> None:
        await journal.put_environment(stored(), [])
        await journal.remove_environment(ENVIRONMENT, [event(1, "gone")])
        assert await journal.environments() == ()
        assert len(await journal.events(None, after=None, limit=5, kind="gone")) == 1

    with_journal(tmp_path, work)


def test_the_file_is_private_and_room_is_set_aside(tmp_path: Path) -> None:
    async def work(journal: SqliteJournal) -> None:
        assert (tmp_path / "journal.db").stat().st_mode & 0o077 == 0
        assert (tmp_path / "journal.reserve").stat().st_size == RESERVE_BYTES

    with_journal(tmp_path, work)


def test_the_journal_is_bounded_and_keeps_what_people_did(tmp_path: Path) -> None:
    async def run() -> None:
        journal = await open_journal(tmp_path / "journal.db", events_kept=50)
        asked = replace(event(0, "scale"), actor="anna")
        await journal.record([asked])
        for turn in range(300):
            await journal.record([event(10 * turn + n) for n in range(10)])
        found = await journal.events(ENVIRONMENT, after=0, limit=5000, kind=None)
        assert found[0] == (1, asked)
        assert len(found) < 50 + PRUNE_EVERY
        assert found[-1][1] == event(2999)
        await journal.close()

    asyncio.run(run())


def limit_pages(journal: SqliteJournal, spare: int) -> None:
    """As if the disk had room for only so many more pages."""
    with journal._engine.connect() as connection:
        used = connection.execute(sa.text("PRAGMA page_count")).scalar_one()
        connection.execute(sa.text(f"PRAGMA max_page_count={used + spare}"))


async def is_full(journal: SqliteJournal) -> bool:
    return journal.full


def test_a_full_disk_is_said_with_its_remedy_and_later_writes_work_again(tmp_path: Path) -> None:
    async def work(journal: SqliteJournal) -> None:
        limit_pages(journal, 2)
        with pytest.raises(JournalFullError) as caught:
            await journal.record([event(n) for n in range(1000)])
        assert "make room" in caught.value.remedy
        assert await is_full(journal) is True
        assert not (tmp_path / "journal.reserve").exists()
        limit_pages(journal, 100_000)
        await journal.record([event(1, "after")])
        assert await is_full(journal) is False
        assert (tmp_path / "journal.reserve").exists()

    with_journal(tmp_path, work)


def test_a_damaged_journal_is_an_error_with_a_remedy_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(JournalError) as caught:
        asyncio.run(open_journal(tmp_path / "journal.db"))
    assert caught.value.remedy


def test_a_journal_of_a_newer_headway_is_left_alone_and_said_with_a_remedy(tmp_path: Path) -> None:
    async def age(journal: SqliteJournal) -> None:
        with journal._engine.begin() as connection:
            connection.execute(sa.text("update alembic_version set version_num = '9999'"))

    with_journal(tmp_path, age)
    with pytest.raises(JournalError, match="newer Headway") as caught:
        asyncio.run(open_journal(tmp_path / "journal.db"))
    assert "install" in caught.value.remedy


def test_a_full_disk_at_the_start_does_not_keep_headwayd_from_what_runs(tmp_path: Path) -> None:
    async def look(journal: SqliteJournal) -> None:
        await journal.put_environment(stored(), [])

    with_journal(tmp_path, look)
    full = "create trigger full before insert on meta begin select raise(abort, '{}'); end"
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute(full.format("database or disk is full"))

    async def start(journal: SqliteJournal) -> None:
        assert (journal.epoch, journal.full) == (2, True)
        assert await journal.environments() == (stored(),)

    with_journal(tmp_path, start)


def test_the_last_room_on_a_disk_is_not_set_aside(tmp_path: Path) -> None:
    room = os.statvfs(tmp_path)
    assert set_reserve(tmp_path / "small", size=1000) is True
    assert (tmp_path / "small").stat().st_size == 1000
    assert set_reserve(tmp_path / "large", size=room.f_bavail * room.f_frsize) is False
    assert not (tmp_path / "large").exists()


def test_without_a_journal_only_what_keeps_alive_is_allowed() -> None:
    def start(incarnation: int) -> Start:
        return Start(
            WEB, ReplicaId("web-1"), incarnation, NEW, HOST.name, 0, "", launch=wish().launch
        )

    drain, forget = Drain(WEB, ReplicaId("web-1"), 1, ""), Forget(WEB, ReplicaId("web-1"), 1)
    assert allowed_without_journal([start(1), start(2), drain, forget]) == (start(2), drain)
