"""Blocks on the disk: written whole or not at all, read with their checksums, never changed.

Files are read by position, not mapped into memory: a file that was cut short behind our back is
then an error to be told, where a mapping would end the process.

A frame whose checksum does not fit is left out, the rest of its block is still read, and the block
is noted in `damaged`: upkeep writes what is left of it anew and sets the file aside.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from headway.monitoring.block_format import (
    FOOTER_BYTES,
    Entry,
    Footer,
    Frame,
    Index,
    Place,
    footer,
    lay,
    packed_index,
    read_footer,
    read_index,
    read_series,
)
from headway.monitoring.codec import DamagedError, decode, decode_times
from headway.monitoring.io.cache import Cache, T
from headway.monitoring.io.folder import Folder, in_words, write_all, write_whole
from headway.monitoring.parts import Part, Series
from headway.monitoring.series import STALE, Floats, Times
from headway.monitoring.upkeep import BlockId, parse_file_name, replaced
from headway.monitoring.wanted import Wanted

CACHE_BYTES = 64 << 20
INDEX_WEIGHT = 6  # how much more memory an index takes than its text
SERIES_BYTES = 600


class Shelf:
    def __init__(self, folder: Folder, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._cache = Cache(CACHE_BYTES)
        self.damaged: set[BlockId] = set()
        self.sizes: dict[BlockId, int] = {}  # replaced, never changed: a reader keeps its own
        self.segment = 0  # the highest that a block stands for
        self._open_all()
        self._number = max((block.number for block in self.sizes), default=0)

    def _open_all(self) -> None:
        for path in sorted(self._folder.blocks.iterdir()):
            block = parse_file_name(path.name)
            if block is None:
                continue
            try:
                with self.reading(block) as reader:
                    self.segment = max(self.segment, reader.footer().segment)
                self.sizes[block] = path.stat().st_size
            except DamagedError as error:
                self._tell(f"{path} cannot be read: {error}; set aside as {self._aside(block)}")
        for block in replaced(self.sizes):
            self.remove([block])

    def write(self, block: BlockId, parts: Iterable[Part], segment: int) -> tuple[BlockId, int]:
        """Under the next number; and its size. It is not yet among `sizes`: the caller adds it."""
        self._number += 1
        block = replace(block, number=self._number)

        def fill(descriptor: int) -> None:
            at = 0

            def write(data: bytes) -> Place:
                nonlocal at
                write_all(descriptor, data)
                place = Place(at, len(data))
                at += len(data)
                return place

            entries = [lay(part, write) for part in parts if len(part.times_ms)]
            index = packed_index(entries)
            offset = write(index).offset
            write(footer(offset, index, segment))

        path = self.path(block)
        write_whole(path, fill)
        return block, path.stat().st_size

    def add(self, block: BlockId, size_bytes: int, instead_of: Iterable[BlockId] = ()) -> None:
        gone = set(instead_of)
        kept = {b: size for b, size in self.sizes.items() if b not in gone}
        self.sizes = {**kept, block: size_bytes}

    def remove(self, blocks: Iterable[BlockId]) -> None:
        gone = set(blocks)
        self.sizes = {b: size for b, size in self.sizes.items() if b not in gone}
        self.damaged -= gone
        for block in gone:
            with in_words(self.path(block)):
                self.path(block).unlink(missing_ok=True)

    def set_aside(self, block: BlockId) -> Path:
        self.sizes = {b: size for b, size in self.sizes.items() if b != block}
        self.damaged.discard(block)
        return self._aside(block)

    def path(self, block: BlockId) -> Path:
        return self._folder.blocks / block.file_name

    @contextmanager
    def reading(self, block: BlockId) -> Iterator["Reader"]:
        """Raises FileNotFoundError when upkeep has replaced it meanwhile: look again."""
        descriptor = os.open(self.path(block), os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield Reader(descriptor, block, self._cache, self.note_damage)
        finally:
            os.close(descriptor)

    def note_damage(self, block: BlockId, error: DamagedError) -> None:
        if block not in self.damaged:
            self.damaged.add(block)
            self._tell(f"{self.path(block)}: {error}; those samples are left out of every answer")

    def _aside(self, block: BlockId) -> Path:
        with in_words(self.path(block)):
            return self._folder.set_aside(self.path(block))


class Reader:
    """One open block."""

    def __init__(
        self,
        descriptor: int,
        block: BlockId,
        cache: Cache,
        note_damage: Callable[[BlockId, DamagedError], None],
    ) -> None:
        self._descriptor = descriptor
        self._block = block
        self._cache = cache
        self._note_damage = note_damage

    def footer(self) -> Footer:
        size = os.fstat(self._descriptor).st_size
        return read_footer(self._bytes(Place(max(0, size - FOOTER_BYTES), FOOTER_BYTES)))

    @property
    def segment(self) -> int:
        """0 when it cannot be read any more: that says nothing."""
        try:
            return self.footer().segment
        except DamagedError as error:
            self._note_damage(self._block, error)
            return 0

    def entries(self) -> Sequence[Entry]:
        """None of a block whose index is damaged."""
        try:
            return self._index().entries
        except DamagedError as error:
            self._note_damage(self._block, error)
            return ()

    def rows(self, entry: Entry, wanted: Wanted) -> list[int]:
        frames = [frame for frame in entry.frames if wanted.metric(frame.name)]
        rows = [row for frame in frames for row in range(frame.first, frame.first + frame.rows)]
        if wanted.series is None or not rows:
            return rows
        series = self.series(entry)
        return [row for row in rows if row < len(series) and wanted.series(series[row])]

    def series(self, entry: Entry) -> Sequence[Series]:
        """None where their labels are damaged."""
        try:
            return self._cached(entry.series, read_series, lambda some: SERIES_BYTES * len(some))
        except DamagedError as error:
            self._note_damage(self._block, error)
            return ()

    def _read_index(self) -> Index:
        guard = self.footer()
        return read_index(self._bytes(guard.index), guard)

    def _index(self) -> Index:
        return self._cache.get(
            (self._block, "index"),
            self._read_index,
            lambda index: index.size_bytes * INDEX_WEIGHT,
        )

    def _values(self, frame: Frame, times: Times) -> Floats:
        values = self._cached(frame.place, decode, lambda values: values.nbytes)
        if values.shape != (frame.rows, len(times)):
            raise DamagedError("a frame has another shape than its index says")
        return values

    def part(self, entry: Entry, rows: Sequence[int] | None = None) -> Part | None:
        """What is undamaged of it; None when not even its times are. `rows`: only these series."""
        try:
            times = self._cached(entry.times, decode_times, lambda times: times.nbytes)
        except DamagedError as error:
            self._note_damage(self._block, error)
            return None
        series = self.series(entry) if rows is None or rows else ()
        wanted = range(len(series)) if rows is None else rows
        chosen: list[Series] = []
        values: list[Floats] = []
        for frame in entry.frames:
            first, end = frame.first, frame.first + frame.rows
            within = [row for row in wanted if first <= row < min(end, len(series))]
            if not within:
                continue
            try:
                found = self._values(frame, times)
            except DamagedError as error:
                self._note_damage(self._block, error)
                continue
            chosen += [series[row] for row in within]
            whole = len(within) == frame.rows
            values.append(found if whole else found[[row - first for row in within]])
        matrix = np.concatenate(values) if values else np.full((0, len(times)), STALE)
        return Part(entry.base, chosen, times, matrix, self._block.resolution_ms)

    def whole(self, entry: Entry) -> Part | None:
        """With its buckets: to make another block of it."""
        part = self.part(entry)
        if part is None:
            return None
        found = {kind: self.part(one) for kind, one in entry.buckets.items()}
        return replace(part, buckets={k: one for k, one in found.items() if one is not None})

    def _cached(self, place: Place, read: Callable[[bytes], T], size: Callable[[T], int]) -> T:
        return self._cache.get((self._block, place), lambda: read(self._bytes(place)), size)

    def _bytes(self, place: Place) -> bytes:
        try:
            return os.pread(self._descriptor, place.length, place.offset)
        except OSError as error:
            raise DamagedError(f"the disk does not give it back: {error.strerror}") from error
