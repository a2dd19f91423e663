"""Whole copies of the journal: made while it is in use, and checked before they are trusted.

Promises: a copy holds one moment, whatever is written meanwhile; a file that bears its final name
is whole, checked and private (0600), also after a crash; what was at `journal.db` before a restore
is kept beside it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from urllib.parse import quote

from headway.journal.io.tables import metadata
from headway.model.errors import BackupError, JournalError, JournalFullError

COPY_BYTES_MAX = 4 << 30
TABLES = frozenset(metadata.tables)


@dataclass(frozen=True, slots=True)
class Copy:
    """What a backup holds, in short."""

    tables: str  # version of its tables
    epoch: int
    environments: tuple[str, ...]
    size_bytes: int


def copy_to(journal: Path, target: Path, head: str) -> Copy:
    """Copy what is there at this moment. Raises JournalError; then `target` is as it was."""
    with _failing_in_words(target):
        _check_target(target, journal)
    unborn = target.with_name(f".{target.name}.new")
    try:
        with _failing_in_words(target):
            unborn.unlink(missing_ok=True)
            os.close(os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(_look(journal)) as source, closing(sqlite3.connect(unborn)) as copy:
                source.backup(copy)  # all pages in one step: one moment
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
            found = check(unborn, head)
            _to_disk(unborn)
            unborn.replace(target)
            _to_disk(target.parent)
            return found
    finally:
        for left in (unborn, unborn.with_name(f"{unborn.name}-journal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)


def check(file: Path, head: str) -> Copy:
    """Is it a whole journal that this version can read? `head`: our tables. Raises JournalError."""
    try:
        state = file.stat()
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}", remedy=_OTHER) from error
    if not S_ISREG(state.st_mode) or state.st_size > COPY_BYTES_MAX:
        raise BackupError(f"{file} is no file that could be a backup", remedy=_OTHER)
    try:
        with closing(_look(file, "&immutable=1")) as copy:
            return _read(copy, file, head, state.st_size)
    except sqlite3.Error as error:
        raise BackupError(f"{file} is no backup of a journal: {error}", remedy=_OTHER) from error


def put_in_place(copy: Path, journal: Path, aside: Path) -> None:
    """The copy becomes the journal, at once; nobody has either open. Raises JournalError."""
    try:
        wal = _beside(journal, "-wal")
        if wal.exists() and wal.stat().st_size:
            _beside(journal, "-shm").unlink(missing_ok=True)
            wal.rename(_beside(aside, "-wal"))  # belongs to the old one, and only to that
        with suppress(FileNotFoundError):
            os.link(journal, aside)
        for left in ("-wal", "-shm"):
            _beside(journal, left).unlink(missing_ok=True)
        copy.replace(journal)
        _to_disk(journal.parent)
    except OSError as error:
        raise JournalError(
            f"{journal} was not replaced: {error.strerror}", remedy="the old one counts"
        ) from error


_OTHER = "name a file that `headway backup` made"
_ELSEWHERE = "name a file in a folder of yours"


def _read(copy: sqlite3.Connection, file: Path, head: str, size_bytes: int) -> Copy:
    kinds = dict(copy.execute("SELECT name, type FROM sqlite_master").fetchall())
    missing = sorted((TABLES | {"alembic_version"}) - kinds.keys())
    if missing or {"trigger", "view"} & set(kinds.values()):
        raise BackupError(f"{file} is a database, but not a journal of Headway", remedy=_OTHER)
    said = str(copy.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if said != "ok":
        raise BackupError(f"{file} is damaged: {said}", remedy="name an older backup")
    tables = str(copy.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    if tables > head:
        raise BackupError(
            f"{file} was made by a newer Headway (its tables are {tables}, ours {head})",
            remedy="install that Headway first, then: headway upgrade",
        )
    epoch = copy.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    names = copy.execute("SELECT id FROM environment ORDER BY id").fetchall()
    return Copy(tables, int(epoch[0]) if epoch else 0, tuple(n for (n,) in names), size_bytes)


def _check_target(target: Path, journal: Path) -> None:
    """Free, or an earlier backup, also one that is damaged or of another version."""
    if not target.name:
        raise BackupError(f"{target} is a folder", remedy=_ELSEWHERE)
    try:
        state = target.lstat()
    except FileNotFoundError:
        return
    if S_ISREG(state.st_mode):  # to open a pipe would be to wait for somebody at its other end
        if target.samefile(journal):
            raise BackupError(f"{target} is the journal itself", remedy=_ELSEWHERE)
        with target.open("rb") as stream:
            begin = stream.read(1 << 16)
        if begin.startswith(b"SQLite format 3\0") and b"alembic_version" in begin:
            return
    raise BackupError(
        f"{target} is there already and is no backup of a journal",
        remedy="name another file, or move that one away",
    )


@contextmanager
def _failing_in_words(target: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        text = (error.strerror or "") if isinstance(error, OSError) else str(error)
        if "full" in text or "No space" in text:
            raise JournalFullError(
                f"{target} was not written: the disk is full",
                remedy=f"make room on the file system of {target.parent}",
            ) from error
        kind = BackupError if isinstance(error, OSError) else JournalError
        raise kind(f"{target} was not written: {text}", remedy=_ELSEWHERE) from error


def _look(file: Path, more: str = "") -> sqlite3.Connection:
    """Without a right to change it, nor to make one where there is none."""
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro{more}", uri=True)


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
