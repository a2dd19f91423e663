"""Samples as few bytes: a matrix of one metric of one target, lossless to the last bit.

Counters and most gauges are whole numbers of some decimal unit; such rows are kept as differences
from sample to sample in the narrowest integers that hold them. All others are kept as the XOR with
the sample before (Pelkonen et al., "Gorilla", VLDB 2015). Either way bytes of equal significance
are put next to each other, because that is what zstd can shorten. Ends of series (`STALE`) are kept
apart, so that one does not spoil a row of whole numbers.

Every frame carries a checksum: damage is found, never decoded.
"""

import struct
import zlib

import numpy as np
import zstandard
from numpy.typing import NDArray

from headway.monitoring.series import STALE, Floats, Mask, Times, is_stale

LEVEL = 3
DECIMALS = (1, 10, 100, 1000)
EXACT_MAX = float(2**53)  # beyond it not every whole number is a float
CELLS_MAX = 64 << 20  # what one frame may unfold to

_HEADER = struct.Struct("<BBHII")  # how, width, unit, rows, columns
_CHECKSUM = struct.Struct("<I")  # of the header and all that follows
_WHOLE, _XOR = 1, 2
_STALE_INSIDE = 0x80
_WIDTHS: dict[int, type[np.unsignedinteger]] = {
    1: np.uint8,
    2: np.uint16,
    4: np.uint32,
    8: np.uint64,
}


class DamagedError(ValueError):
    """These bytes are not what was written."""


def encode(values: Floats) -> bytes:
    """`values[k, n]`; k and n may be any number, also 0."""
    rows, columns = values.shape
    assert rows * columns <= CELLS_MAX, "frames are cut long before"
    gone = is_stale(values)
    mark = b""
    if gone.any():
        mark = np.packbits(gone).tobytes()
        values = _bridged(values, gone)
    unit = _unit(values)
    if unit:
        how, width, body = _WHOLE, *_differences(values, unit)
    else:
        how, width, body = _XOR, 8, _xored(values)
    if mark:
        how |= _STALE_INSIDE
    return _framed(_HEADER.pack(how, width, unit, rows, columns), mark + body)


def decode(frame: bytes) -> Floats:
    (how, width, unit, rows, columns), packed = _opened(frame)
    kind = how & ~_STALE_INSIDE
    if kind not in (_WHOLE, _XOR) or width not in _WIDTHS or rows * columns > CELLS_MAX:
        raise DamagedError("a frame is of a kind that nobody wrote")
    mark_bytes = (rows * columns + 7) // 8 if how & _STALE_INSIDE else 0
    size = mark_bytes + (rows * 8 if kind == _WHOLE else 0) + rows * columns * width
    body = _unpacked(packed, size)
    if kind == _WHOLE:
        values = np.asarray(_summed(body[mark_bytes:], rows, columns, width) / unit)
    else:
        values = _unxored(body[mark_bytes:], rows, columns)
    if mark_bytes:
        gone = np.unpackbits(body[:mark_bytes], count=rows * columns).astype(bool)
        values[gone.reshape(rows, columns)] = STALE
    return values


def encode_times(times_ms: Times) -> bytes:
    """Differences of differences: all zero for a target that is fetched on time."""
    first = times_ms[:1].astype(np.int64)
    steps = np.concatenate([first * 0, np.diff(times_ms)])
    steps = np.concatenate([first * 0, np.diff(steps)])
    header = _HEADER.pack(_WHOLE, 8, 1, 1, len(times_ms))
    return _framed(header, first.tobytes() + _shuffled(_zigzag(steps), 8))


def decode_times(frame: bytes) -> Times:
    (_, _, _, _, columns), packed = _opened(frame)
    if columns > CELLS_MAX:
        raise DamagedError("a frame is of a kind that nobody wrote")
    if columns == 0:
        return np.zeros(0, dtype=np.int64)
    body = _unpacked(packed, 8 + columns * 8)
    first = body[:8].view(np.int64)
    steps = np.cumsum(_unzigzag(_unshuffled(body[8:], 8)))
    return np.asarray(first + np.cumsum(steps))


def _framed(header: bytes, body: bytes) -> bytes:
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(body)
    return header + _CHECKSUM.pack(zlib.crc32(packed, zlib.crc32(header))) + packed


def _opened(frame: bytes) -> tuple[tuple[int, ...], bytes]:
    """Header and packed body, once their checksum has been found right."""
    begin = _HEADER.size + _CHECKSUM.size
    if len(frame) < begin:
        raise DamagedError("a frame is cut short")
    header, packed = frame[: _HEADER.size], frame[begin:]
    (checksum,) = _CHECKSUM.unpack_from(frame, _HEADER.size)
    if zlib.crc32(packed, zlib.crc32(header)) != checksum:
        raise DamagedError("a frame's checksum does not fit")
    return _HEADER.unpack(header), packed


def _unpacked(packed: bytes, size: int) -> NDArray[np.uint8]:
    try:
        raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
    except zstandard.ZstdError as error:
        raise DamagedError(f"a frame cannot be unpacked: {error}") from error
    if len(raw) != size:
        raise DamagedError("a frame has another size than it says")
    return np.frombuffer(raw, np.uint8)


def _bridged(values: Floats, gone: Mask) -> Floats:
    """Where a series had ended, the value before stands: no difference, so no bytes."""
    columns = np.arange(values.shape[1])
    last = np.maximum.accumulate(np.where(gone, -1, columns), axis=1)
    bridged = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last < 0, 0.0, bridged)


def _unit(values: Floats) -> int:
    """The decimal unit of which all values are whole multiples, as 1 / unit; 0 when there is none.

    -0.0 is no whole number: as an integer it would lose its sign.
    """
    if not np.isfinite(values).all() or (np.signbit(values) & (values == 0)).any():
        return 0
    for unit in DECIMALS:
        whole = np.rint(values * unit)
        if not (np.abs(whole) < EXACT_MAX).all():
            return 0  # smaller units only make it larger
        if (whole / unit == values).all():
            return unit
    return 0


def _differences(values: Floats, unit: int) -> tuple[int, bytes]:
    whole = np.rint(values * unit).astype(np.int64)
    first = whole[:, 0] if whole.shape[1] else np.zeros(len(whole), dtype=np.int64)
    steps = np.diff(whole, axis=1, prepend=whole[:, :1]) if whole.size else whole
    folded = _zigzag(steps)
    most = int(folded.max()) if folded.size else 0
    width = next(w for w in _WIDTHS if most < 1 << (8 * w))
    return width, first.tobytes() + _shuffled(folded.astype(_WIDTHS[width]), width)


def _summed(body: NDArray[np.uint8], rows: int, columns: int, width: int) -> Floats:
    first = np.frombuffer(body[: rows * 8].tobytes(), np.int64)
    steps = _unzigzag(_unshuffled(body[rows * 8 :], width)).reshape(rows, columns)
    return np.asarray((np.cumsum(steps, axis=1) + first[:, None]).astype(np.float64))


def _xored(values: Floats) -> bytes:
    bits = np.ascontiguousarray(values).view(np.uint64)
    changed = bits.copy()
    changed[:, 1:] ^= bits[:, :-1]
    return _shuffled(changed, 8)


def _unxored(body: NDArray[np.uint8], rows: int, columns: int) -> Floats:
    changed = _unshuffled(body, 8).reshape(rows, columns)
    return np.bitwise_xor.accumulate(changed, axis=1).view(np.float64)


def _zigzag(steps: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Small numbers of either sign become small numbers."""
    return np.asarray(((steps << 1) ^ (steps >> 63)).astype(np.uint64))


def _unzigzag(folded: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    wide = folded.astype(np.uint64)
    return np.asarray(
        (wide >> np.uint64(1)).astype(np.int64) ^ -(wide & np.uint64(1)).astype(np.int64)
    )


def _shuffled(cells: NDArray[np.unsignedinteger], width: int) -> bytes:
    flat = np.ascontiguousarray(cells).reshape(-1).view(np.uint8)
    return np.ascontiguousarray(flat.reshape(-1, width).T).tobytes()


def _unshuffled(body: NDArray[np.uint8], width: int) -> NDArray[np.unsignedinteger]:
    ordered = np.ascontiguousarray(body.reshape(width, -1).T)
    return np.asarray(ordered.reshape(-1).view(_WIDTHS[width]))
