"""Bytes of the write-ahead log: one record per commit, made of entries.

A record is whole or it is not there. After damage reading goes on at the next record whose checksum
fits, and a row that says only how it differs from a lost one is left out: late is possible, wrong
is not. A row that stands for itself comes at least every `ROWS_ALONE` rows of a target.

    record  magic, length, checksum of the rest, sequence number, entries (zstd)
    entry   kind, length, then by kind
            TARGET  number, base labels                        (JSON)
            SERIES  number, first column, told labels and whether a counter   (JSON)
            ROW     number, time, columns, whether it stands alone, values (XOR, bytes transposed)
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from headway.monitoring.series import Floats, Labels

MAGIC = b"HwR1"
RECORD_BYTES_MAX = 64 << 20  # what one record may unfold to
LEVEL = 1
ROWS_ALONE = 60

_RECORD = struct.Struct("<4sIIQ")
_ENTRY = struct.Struct("<BI")
_ROW = struct.Struct("<IqIB")


class Kind(IntEnum):
    TARGET = 1
    SERIES = 2
    ROW = 3


@dataclass(frozen=True, slots=True)
class Record:
    sequence: int
    entries: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class TargetEntry:
    number: int
    base: Labels


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    number: int
    first: int
    series: tuple[tuple[Labels, bool], ...]


@dataclass(frozen=True, slots=True)
class RowEntry:
    number: int
    at_ms: int
    columns: int
    alone: bool
    bits: NDArray[np.uint64]  # of the values, or of their difference from the row before


def record(sequence: int, entries: bytes) -> bytes:
    assert len(entries) <= RECORD_BYTES_MAX, "the writer cuts before"
    body = zstandard.ZstdCompressor(level=LEVEL).compress(entries)
    return _RECORD.pack(MAGIC, len(body), _checksum(sequence, body), sequence) + body


def records(data: bytes) -> Iterator[Record | Damage]:
    at = 0
    while at < len(data):
        found = _record_at(data, at)
        if found is not None:
            one, at = found
            yield one
            continue
        begin = at
        while found is None and at >= 0:
            at = data.find(MAGIC, at + 1)
            found = _record_at(data, at) if at >= 0 else None
        at = at if at >= 0 else len(data)
        yield Damage(begin, at)


def _record_at(data: bytes, at: int) -> tuple[Record, int] | None:
    if at + _RECORD.size > len(data):
        return None
    magic, length, checksum, sequence = _RECORD.unpack_from(data, at)
    end = at + _RECORD.size + length
    if magic != MAGIC or end > len(data):
        return None
    body = data[at + _RECORD.size : end]
    if _checksum(sequence, body) != checksum:
        return None
    try:
        entries = zstandard.ZstdDecompressor().decompress(body, max_output_size=RECORD_BYTES_MAX)
    except zstandard.ZstdError:
        return None
    return Record(sequence, entries), end


def _checksum(sequence: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(sequence.to_bytes(8, "little")))


def target_entry(number: int, base: Labels) -> bytes:
    return _entry(Kind.TARGET, _json([number, dict(base)]))


def series_entry(number: int, first: int, series: list[tuple[Labels, bool]]) -> bytes:
    return _entry(Kind.SERIES, _json([number, first, [[dict(t), c] for t, c in series]]))


def row_entry(number: int, at_ms: int, values: Floats, before: Floats | None) -> bytes:
    """`before`: this target's row before, which may be shorter; None: this one stands alone."""
    bits = values.view(np.uint64)
    if before is not None:
        bits = bits.copy()
        bits[: len(before)] ^= before.view(np.uint64)
    body = bits.view(np.uint8).reshape(-1, 8).T.tobytes()
    return _entry(Kind.ROW, _ROW.pack(number, at_ms, len(values), before is None) + body)


def _entry(kind: Kind, payload: bytes) -> bytes:
    return _ENTRY.pack(kind, len(payload)) + payload


def entries(packed: bytes) -> Iterator[TargetEntry | SeriesEntry | RowEntry]:
    """Of a record, so their checksum fits: they are what was written."""
    at = 0
    while at < len(packed):
        kind, length = _ENTRY.unpack_from(packed, at)
        at += _ENTRY.size
        payload = packed[at : at + length]
        at += length
        match Kind(kind):
            case Kind.TARGET:
                number, base = json.loads(payload)
                yield TargetEntry(number, base)
            case Kind.SERIES:
                number, first, series = json.loads(payload)
                yield SeriesEntry(number, first, tuple((told, bool(c)) for told, c in series))
            case Kind.ROW:
                yield _row(payload)


def _row(payload: bytes) -> RowEntry:
    number, at_ms, columns, alone = _ROW.unpack_from(payload)
    cells = np.frombuffer(payload, np.uint8, offset=_ROW.size).reshape(8, columns)
    bits = np.ascontiguousarray(cells.T).view(np.uint64).reshape(-1)
    return RowEntry(number, at_ms, columns, bool(alone), bits)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
