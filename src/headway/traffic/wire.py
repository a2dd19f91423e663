"""Protobuf's binary form, as much of it as endpoints need: strings, messages and small numbers.

A message is its fields one after the other. Envoy's names for the fields are in `endpoints.py`.
"""

from collections.abc import Iterator
from functools import lru_cache

VARINT, LENGTH = 0, 2  # how a field is written: a number, or so many bytes
TYPE_BITS, TYPE_MASK = 3, 0b111  # of a field's tag; above them is its number
SEVEN_BITS, MORE_FOLLOWS = 0b111_1111, 0b1000_0000
VARINT_BYTES_MAX = 10

Value = int | bytes


class DamagedError(ValueError):
    """These bytes are no message of ours."""


def message(field: int, content: bytes) -> bytes:
    return _varint(field << TYPE_BITS | LENGTH) + _varint(len(content)) + content


def text(field: int, content: str) -> bytes:
    return message(field, content.encode())


def number(field: int, value: int) -> bytes:
    """A number that is not negative; 0 is what an absent field means."""
    return _varint(field << TYPE_BITS | VARINT) + _varint(value) if value else b""


def fields(content: bytes) -> Iterator[tuple[int, Value]]:
    """Every field with its number, in order. Raises `DamagedError`."""
    at = 0
    while at < len(content):
        tag, at = _read_varint(content, at)
        field, kind = tag >> TYPE_BITS, tag & TYPE_MASK
        value, at = _read_varint(content, at)
        if kind == VARINT:
            yield field, value
        elif kind == LENGTH:
            if value > len(content) - at:
                raise DamagedError("it ends in the middle of a field")
            yield field, content[at : at + value]
            at += value
        else:
            raise DamagedError(f"a field of kind {kind}")


@lru_cache
def _varint(value: int) -> bytes:
    """Seven bits in each byte, the lowest first; the eighth says that more follow."""
    made = bytearray()
    while value > SEVEN_BITS:
        made.append(value & SEVEN_BITS | MORE_FOLLOWS)
        value >>= 7
    made.append(value)
    return bytes(made)


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(content[at : at + VARINT_BYTES_MAX]):
        value |= (byte & SEVEN_BITS) << 7 * index
        if byte < MORE_FOLLOWS:
            return value, at + index + 1
    raise DamagedError("a number without an end")
