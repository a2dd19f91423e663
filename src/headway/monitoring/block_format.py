"""Bytes of a block: frames of samples, an index of them, and a footer that guards the index.

    frames    per target its times, its series' labels, then the values of each metric (`codec`)
    index     per target: base labels, first and last time, where its frames lie   (zstd, JSON)
    footer    where the index is, its checksum, the last segment of the log that it stands for

Values are in frames by metric, because a query asks for one, and a big metric in several, because
it may ask for few of its series. The labels of series are apart from the index: it stays small.
"""

import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zstandard

from headway.monitoring.codec import DamagedError, encode, encode_times
from headway.monitoring.parts import Part, Series, key_of
from headway.monitoring.series import Labels

MAGIC = b"HwB1"
FRAME_CELLS = 1 << 20  # how many values one frame may hold, unless they are of one series
LEVEL = 3

_FOOTER = struct.Struct("<QIIQI4s")  # index at, its length and checksum, segment; checksum, magic
FOOTER_BYTES = _FOOTER.size
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Place:
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Consecutive series of one metric."""

    name: str
    first: int  # row
    rows: int
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one part is."""

    base: Labels
    start_ms: int
    end_ms: int
    times: Place
    series: Place
    frames: Sequence[Frame]
    buckets: "Mapping[str, Entry]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    entries: Sequence[Entry]
    size_bytes: int  # of its text


@dataclass(frozen=True, slots=True)
class Footer:
    index: Place
    checksum: int
    segment: int  # samples of segments of the log up to this one are in blocks; 0: says nothing


def lay(part: Part, write: Callable[[bytes], Place]) -> Entry:
    """Write a part's frames and say where they are."""
    shared: dict[int, Place] = {}  # the four figures of a bucket have the same times and series
    return _laid(part, write, shared)


def _laid(part: Part, write: Callable[[bytes], Place], shared: dict[int, Place]) -> Entry:
    rows: dict[str, list[int]] = {}
    for row, series in enumerate(part.series):
        rows.setdefault(series.name, []).append(row)
    order = [row for name in rows for row in rows[name]]
    if id(part.times_ms) not in shared:
        shared[id(part.times_ms)] = write(encode_times(part.times_ms))
    if id(part.series) not in shared:
        shared[id(part.series)] = write(_packed_series([part.series[row] for row in order]))
    frames, first = [], 0
    many = max(1, FRAME_CELLS // max(1, len(part.times_ms)))
    for name, all_rows in rows.items():
        for begin in range(0, len(all_rows), many):
            some = all_rows[begin : begin + many]
            place = write(encode(np.ascontiguousarray(part.values[some])))
            frames.append(Frame(name, first, len(some), place))
            first += len(some)
    return Entry(
        part.base,
        int(part.times_ms[0]),
        int(part.times_ms[-1]),
        shared[id(part.times_ms)],
        shared[id(part.series)],
        frames,
        {kind: _laid(one, write, shared) for kind, one in part.buckets.items()},
    )


def packed_index(entries: Sequence[Entry]) -> bytes:
    text = json.dumps([_told(entry) for entry in entries])
    return zstandard.ZstdCompressor(level=LEVEL).compress(text.encode())


def footer(offset: int, index: bytes, segment: int) -> bytes:
    fields = (offset, len(index), zlib.crc32(index), segment)
    checksum = zlib.crc32(repr(fields).encode())
    return _FOOTER.pack(*fields, checksum, MAGIC)


def read_footer(tail: bytes) -> Footer:
    if len(tail) != FOOTER_BYTES:
        raise DamagedError("a block is cut short")
    *fields, checksum, magic = _FOOTER.unpack(tail)
    if magic != MAGIC or zlib.crc32(repr(tuple(fields)).encode()) != checksum:
        raise DamagedError("a block's end is not what was written")
    offset, length, index_checksum, segment = fields
    return Footer(Place(offset, length), index_checksum, segment)


def read_index(packed: bytes, guard: Footer) -> Index:
    if len(packed) != guard.index.length or zlib.crc32(packed) != guard.checksum:
        raise DamagedError("a block's index is not what was written")
    text = zstandard.ZstdDecompressor().decompress(packed)
    return Index([_entry(told) for told in json.loads(text)], len(text))


def read_series(packed: bytes) -> list[Series]:
    if len(packed) < _CHECKSUM.size or zlib.crc32(packed[4:]) != _CHECKSUM.unpack_from(packed)[0]:
        raise DamagedError("the labels of a target are not what was written")
    text = zstandard.ZstdDecompressor().decompress(packed[4:])
    return [Series(told, key_of(told), counter) for told, counter in json.loads(text)]


def _packed_series(series: Sequence[Series]) -> bytes:
    text = json.dumps([[dict(one.told), one.counter] for one in series])
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(text.encode())
    return _CHECKSUM.pack(zlib.crc32(packed)) + packed


def _told(entry: Entry) -> list[Any]:
    return [
        dict(entry.base),
        entry.start_ms,
        entry.end_ms,
        [entry.times.offset, entry.times.length],
        [entry.series.offset, entry.series.length],
        [[f.name, f.rows, f.place.offset, f.place.length] for f in entry.frames],
        {kind: _told(one) for kind, one in entry.buckets.items()},
    ]


def _entry(told: list[Any], base: Labels | None = None) -> Entry:
    own, start_ms, end_ms, times, series, frames, buckets = told
    base = own if base is None else base
    found, first = [], 0
    for name, rows, offset, length in frames:
        found.append(Frame(name, first, rows, Place(offset, length)))
        first += rows
    inner = {kind: _entry(one, base) for kind, one in buckets.items()}
    return Entry(base, start_ms, end_ms, Place(*times), Place(*series), found, inner)
