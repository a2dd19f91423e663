"""The write-ahead log on the disk: what was committed is there after any end of this process.

Segments are numbered; a new one begins at each cut, and a block says up to which segment it stands
for. Every segment says by itself which targets and series its rows belong to. Not thread-safe: the
store calls it one at a time.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from headway.monitoring.head import Row, Span
from headway.monitoring.io.folder import in_words, sync_directory, write_all
from headway.monitoring.series import Floats
from headway.monitoring.wal_format import (
    RECORD_BYTES_MAX,
    ROWS_ALONE,
    record,
    row_entry,
    series_entry,
    target_entry,
)

PIECE_BYTES = 8 << 20  # a commit of more than this becomes several records
SERIES_AT_ONCE = 256  # in one entry, so that huge labels cannot make it huge as well
SUFFIX = ".wal"


@dataclass(slots=True)
class Written:
    """What the segment says of a span so far."""

    number: int
    columns: int = 0
    rows: int = 0
    last: Floats | None = None


class Log:
    def __init__(self, folder: Path, *, segment: int, sequence: int, sync: bool) -> None:
        self._folder = folder
        self._sync = sync
        self._segment = segment  # the one that is written, or will be with the next commit
        self._sequence = sequence
        self._descriptor: int | None = None
        self._size = 0
        self._written: dict[Span, Written] = {}
        self._numbers = 0
        self._pending: list[bytes] = []

    def add(self, row: Row) -> None:
        """Collect only; `write` writes."""
        written = self._written.get(row.span)
        if written is None:
            self._numbers += 1
            written = self._written[row.span] = Written(self._numbers)
            self._pending.append(target_entry(written.number, row.span.base))
        if written.columns < len(row.values):
            added = row.span.series[written.columns : len(row.values)]
            for begin in range(0, len(added), SERIES_AT_ONCE):
                some = [(one.told, one.counter) for one in added[begin : begin + SERIES_AT_ONCE]]
                self._pending.append(series_entry(written.number, written.columns, some))
                written.columns += len(some)
        before = None if written.rows % ROWS_ALONE == 0 else written.last
        self._pending.append(row_entry(written.number, row.at_ms, row.values, before))
        written.rows += 1
        written.last = row.values

    def take(self) -> list[bytes]:
        """What was added since the last time."""
        pending, self._pending = self._pending, []
        return pending

    def write(self, pending: list[bytes]) -> None:
        """All of it is on the disk, or the error says why not; then `take_back` is due."""
        path = self._path(self._segment)
        with in_words(path):
            if self._descriptor is None:
                self._open(path)
            assert self._descriptor is not None
            data = self._records(pending)
            write_all(self._descriptor, data)
            if self._sync:
                os.fdatasync(self._descriptor)
            self._size += len(data)

    def take_back(self) -> None:
        """Cut off what was written of a commit that failed; say everything anew in the next one."""
        self._pending = []
        self._written.clear()
        if self._descriptor is None:
            return
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._close()
            self._segment += 1

    def rotate(self) -> int:
        """The next commit begins a new segment; the number of the last one before it."""
        if self._descriptor is None:
            return self._segment - 1
        self._close()
        self._segment += 1
        return self._segment - 1

    def drop(self, through: int) -> None:
        """What blocks stand for is needed no more."""
        for number, path in segments(self._folder):
            if number <= through:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        self._close()

    def whole(self) -> list[tuple[Path, int]]:
        """Every segment, and up to where it holds whole records."""
        found = []
        for number, path in segments(self._folder):
            ours = number == self._segment and self._descriptor is not None
            found.append((path, self._size if ours else path.stat().st_size))
        return found

    def _records(self, pending: list[bytes]) -> bytes:
        pieces: list[list[bytes]] = []
        piece: list[bytes] = []
        size = 0
        for entry in pending:
            assert len(entry) < RECORD_BYTES_MAX, "a row is limited by its series"
            if piece and size + len(entry) > PIECE_BYTES:
                pieces.append(piece)
                piece, size = [], 0
            piece.append(entry)
            size += len(entry)
        pieces.append(piece)
        data = b""
        for entries in pieces:
            self._sequence += 1
            data += record(self._sequence, b"".join(entries))
        return data

    def _open(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self._size = 0
        sync_directory(self._folder)

    def _close(self) -> None:
        self._written.clear()
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010}{SUFFIX}"


def segments(folder: Path) -> list[tuple[int, Path]]:
    """Oldest first."""
    found = [path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdecimal()]
    return sorted((int(path.stem), path) for path in found)
