"""Copies of the journal: one moment, whole or not there, and never the wrong file."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from headway.journal.io.copies import check, copy_to, put_in_place
from headway.journal.io.sqlite import SCHEMA_HEAD, open_journal
from headway.model.errors import BackupError, JournalError, JournalFullError
from headway.model.event import Event
from headway.model.ids import EnvironmentId, EnvironmentName, ReplicaId, SiteName
from headway.model.observed import Phase

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HERE = EnvironmentId(SiteName("shop"), EnvironmentName("production"))


def event(kind: str = "start", subject: str = "web-1", life: int = 1) -> Event:
    return Event(NOON, HERE, kind, subject, "because", "headway", {"incarnation": life})


async def filled(path: Path, events: int = 10) -> None:
    journal = await open_journal(path)
    await journal.record([event() for _ in range(events)])
    await journal.close()


def count(path: Path) -> int:
    with sqlite3.connect(path) as opened:
        (found,) = opened.execute("select count(*) from event").fetchone()
    opened.close()
    return int(found)


def test_a_copy_made_while_events_are_written_holds_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def story() -> None:
        journal = await open_journal(path)
        over = asyncio.Event()

        async def write() -> None:
            while not over.is_set():
                await journal.record([event(), event()])  # always two at once

        writing = asyncio.create_task(write())
        try:
            for number in range(10):
                copy = tmp_path / f"copy-{number}.db"
                await asyncio.to_thread(copy_to, path, copy, SCHEMA_HEAD)
                assert count(copy) % 2 == 0
                assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        finally:
            over.set()
            await writing
            await journal.close()

    asyncio.run(story())
    assert sorted(p.name for p in tmp_path.glob("copy-*")) == [f"copy-{n}.db" for n in range(10)]
    assert not list(tmp_path.glob(".copy-*"))


def test_a_copy_replaces_an_older_backup_and_nothing_else(tmp_path: Path) -> None:
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    asyncio.run(filled(path))
    copy_to(path, copy, SCHEMA_HEAD)
    asyncio.run(filled(path))
    assert copy_to(path, copy, SCHEMA_HEAD).epoch == 2
    assert count(copy) == 20
    letter = tmp_path / "letter"
    letter.write_text("dear")
    link = tmp_path / "link"
    link.symlink_to(copy)
    for foreign in (letter, link, tmp_path):
        with pytest.raises(JournalError, match="is no backup"):
            copy_to(path, foreign, SCHEMA_HEAD)
    assert letter.read_text() == "dear"
    assert link.is_symlink()


@pytest.mark.timeout(30)
def test_a_place_where_no_backup_can_be_is_the_askers_mistake_and_holds_nobody_up(
    tmp_path: Path,
) -> None:
    journal, pipe, link = tmp_path / "journal.db", tmp_path / "pipe", tmp_path / "link"
    asyncio.run(filled(journal))
    os.mkfifo(pipe)
    link.symlink_to(tmp_path, target_is_directory=True)
    before = journal.stat().st_ino
    for target in (
        Path("/"),
        tmp_path,
        pipe,
        link,
        link / "journal.db",  # the journal in use, by another name
        tmp_path / "missing" / "copy.db",
        journal / "copy.db",
        tmp_path / ("x" * 300),
    ):
        with pytest.raises(BackupError):
            copy_to(journal, target, SCHEMA_HEAD)
    assert journal.stat().st_ino == before
    left = {path.name for path in tmp_path.iterdir()} - {"journal.reserve"}
    assert left == {"journal.db", "link", "pipe"}


def test_a_journal_with_a_trigger_is_not_ours(tmp_path: Path) -> None:
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    asyncio.run(filled(path))
    copy_to(path, copy, SCHEMA_HEAD)
    with sqlite3.connect(copy) as opened:
        opened.execute("create trigger t after insert on event begin delete from event; end")
    opened.close()
    with pytest.raises(JournalError, match="not a journal of Headway"):
        check(copy, SCHEMA_HEAD)


def test_the_journal_that_is_replaced_is_kept_with_all_that_was_written_last(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    asyncio.run(filled(path, 1))
    copy_to(path, copy, SCHEMA_HEAD)
    ready, over = threading.Event(), threading.Event()

    def write_and_die() -> None:  # as a headwayd that was killed: its last words are in the WAL
        opened = sqlite3.connect(path)
        opened.execute("delete from event")
        opened.commit()
        ready.set()
        over.wait(30)
        opened.close()

    writing = threading.Thread(target=write_and_die)
    writing.start()
    assert ready.wait(30)
    aside = tmp_path / "aside.db"
    put_in_place(copy, path, aside)
    assert count(path) == 1
    over.set()
    writing.join()
    assert not copy.exists()
    assert count(aside) == 0


def test_a_full_disk_leaves_the_older_backup_and_nothing_half(
    tmp_path: Path, not_run: Callable[[str], NoReturn]
) -> None:
    if os.geteuid() != 0:
        not_run("only root can make a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        not_run("this machine does not let root mount a small disk")
    try:
        path, copy = tmp_path / "journal.db", disk / "copy.db"
        asyncio.run(filled(path))
        copy_to(path, copy, SCHEMA_HEAD)
        asyncio.run(filled(path, 5_000))
        with pytest.raises(JournalFullError, match="disk is full"):
            copy_to(path, copy, SCHEMA_HEAD)
        assert [p.name for p in disk.iterdir()] == ["copy.db"]
        assert check(copy, SCHEMA_HEAD).epoch == 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_was_told_last_of_each_life_is_known_to_the_next_headwayd(tmp_path: Path) -> None:
    async def story() -> dict[tuple[ReplicaId, int], Phase]:
        journal = await open_journal(tmp_path / "journal.db")
        told = [event("ready"), event("failed"), event("start", life=2), event("unready", life=2)]
        await journal.record([*told, event("ready", life=2), event("failed", "web-2")])
        found = await journal.told_phases(HERE)
        await journal.close()
        return found

    assert asyncio.run(story()) == {
        (ReplicaId("web-1"), 1): Phase.FAILED,
        (ReplicaId("web-1"), 2): Phase.READY,
        (ReplicaId("web-2"), 1): Phase.FAILED,
    }


def test_a_sealed_journal_takes_nothing_more(tmp_path: Path) -> None:
    async def story() -> None:
        journal = await open_journal(tmp_path / "journal.db")
        journal.sealed = "it is being replaced"
        with pytest.raises(JournalError, match="being replaced"):
            await journal.record([event()])
        journal.sealed = ""
        await journal.record([event()])
        await journal.close()

    asyncio.run(story())
