"""The journal is copied and taken back while everything runs, and nobody loses a request."""

import os
import signal
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.acceptance.site_world import Site

pytestmark = pytest.mark.acceptance

OTHER = "environments:\n  test: {'*.replicas': 1}\n"


def epoch(journal: Path) -> int:
    with sqlite3.connect(journal) as opened:
        (told,) = opened.execute("select value from meta where key = 'epoch'").fetchone()
    opened.close()
    return int(told)


def test_what_is_wanted_goes_back_to_the_backup_and_what_runs_follows_without_a_failed_request(
    site: Site, tmp_path: Path
) -> None:
    site.describe(replicas=2, env="{TOKEN: '${secret:token}'}", top=OTHER)
    folder = site.home / "secrets" / "small"
    folder.mkdir(mode=0o700, parents=True)
    (site.home / "secrets").chmod(0o700)
    (folder / "token").write_text("planted-secret")
    (folder / "token").chmod(0o600)
    try:
        site.headway("up", "site.yaml")
        file = tmp_path / "journal-backup.db"
        site.headway("backup", str(file))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert b"planted-secret" not in file.read_bytes()
        before, daemon, keeper = site.pids(), site.daemon_pid(), site.keeper_pid()
        site.headway("scale", "web", "3")
        site.headway("up", "site.yaml", "--env", "test")  # the backup does not know it
        with site.under_load() as counted:
            said = site.headway("restore", str(file), "--yes").out
            site.until("back to two", lambda s: s["settled"] and len(site.pids()) == 2)
        assert set(counted) == {200}, counted
        assert "small/test runs and is not in it" in said
        assert site.pids() <= before | site.pids()
        assert (site.daemon_pid(), site.keeper_pid()) == (daemon, keeper)
        kept = next(site.home.glob("journal.before-restore-*.db"))
        assert kept.name in said
        assert epoch(site.home / "journal.db") > epoch(kept)
        assert "restored from" in site.headway("events", "--all", "--kind", "restore").out
        assert '"settled": true' in site.headway("status", "--env", "test", "-o", "json").out
    finally:
        site.headway("down", "--yes", "--purge", "--env", "test", code=None)


def test_what_is_no_backup_is_refused_with_its_reason_and_nothing_changes(
    site: Site, tmp_path: Path
) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    good = tmp_path / "good.db"
    site.headway("backup", str(good))
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as made:
        made.execute("create table meta (key text)")
    made.close()
    torn = tmp_path / "torn.db"
    torn.write_bytes(good.read_bytes()[:-8192])
    newer = tmp_path / "newer.db"
    newer.write_bytes(good.read_bytes())
    with sqlite3.connect(newer) as made:
        made.execute("update alembic_version set version_num = '9999'")
    made.close()
    text = tmp_path / "text.db"
    text.write_text("not a database, however long it may be " * 100)
    started = site.headway("events", "--all", "--kind", "headwayd-started").out
    for file, reason in (
        (foreign, "not a journal of Headway"),
        (torn, "torn.db is"),
        (newer, "made by a newer Headway"),
        (text, "is no backup"),
        (tmp_path / "none.db", "cannot be read"),
        (tmp_path, "no file that could be a backup"),
        (site.home / "journal.db", "the journal in use"),
    ):
        assert reason in site.headway("restore", str(file), "--yes", code=None).out, file
    assert "confirmed" in site.headway("restore", str(good), code=1).out
    text.write_text("mine")
    assert "is no backup" in site.headway("backup", str(text), code=2).out
    assert text.read_text() == "mine"
    assert site.headway("events", "--all", "--kind", "headwayd-started").out == started
    assert not list(site.home.glob("journal.before-restore-*"))


def test_a_journal_that_is_damaged_so_that_headwayd_cannot_start_is_restored_too(
    site: Site, tmp_path: Path
) -> None:
    site.describe(replicas=2)
    site.headway("up", "site.yaml")
    file = tmp_path / "backup.db"
    site.headway("backup", str(file))
    before = site.pids()
    os.kill(site.daemon_pid(), signal.SIGSTOP)
    journal = site.home / "journal.db"
    (site.home / "journal.db-wal").unlink(missing_ok=True)
    journal.write_bytes(b"SQLite format 3\0" + b"damaged" * 10_000)
    os.kill(site.daemon_pid(), signal.SIGKILL)
    said = site.headway("restore", str(file), "--yes").out
    assert "restored from" in said
    assert site.until_settled()["settled"]
    assert site.pids() == before
    assert site.get()[0] == 200


def test_headwayd_killed_in_the_middle_leaves_a_whole_journal_and_a_whole_backup(
    site: Site, tmp_path: Path
) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    before = site.pids()
    file = tmp_path / "backup.db"
    site.headway("backup", str(file))
    for moment, verb in (
        (lambda _: list(site.home.glob("*journal.restoring*")), "restore"),
        (lambda daemon: "--go-on" in daemon.cmdline(), "restore"),
        (lambda _: list(tmp_path.glob(".backup.db.new*")), "backup"),
    ):
        kill_in_the_middle(site, moment, verb, str(file), *(["--yes"] * (verb == "restore")))
        site.until_settled()
        assert site.pids() == before
        assert is_whole(site.home / "journal.db")
    assert is_whole(file)
    assert site.get()[0] == 200


def kill_in_the_middle(site: Site, is_now: Callable[[psutil.Process], object], *words: str) -> None:
    """headwayd, at that moment of a command; or after it, when the moment was too short to see."""
    daemon = psutil.Process(site.daemon_pid())
    asked = site.begin(*words)
    site.until_true("begun", lambda: asked.poll() is not None or is_now(daemon))
    daemon.kill()
    asked.wait(timeout=60)


def is_whole(journal: Path) -> bool:
    with sqlite3.connect(journal) as opened:
        said = opened.execute("pragma integrity_check").fetchone()
    opened.close()
    return bool(said == ("ok",))
