"""A value in a few words, for a log line: bounded in size and time, and without secrets.

No `__repr__` of anybody's class is ever called: it may be slow, may fail, and says more than it
should. What is not made of plain values is shown as its type.
"""

from collections import deque
from collections.abc import Mapping
from enum import Enum
from itertools import islice

from headway_sdk.masking import MASK, Mask

TEXT_CHARS_MAX = 80
LOOKED_AT_CHARS_MAX = 4096  # of a long text, before it is cut
ITEMS_MAX = 6
DEPTH_MAX = 3
INT_BITS_MAX = 256
MORE = "…"
BRACKETS: Mapping[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("{", "}"),
}
# Their representations are short, and nobody else's code.
PLAIN_MODULES = frozenset({"datetime", "decimal", "fractions", "pathlib", "pathlib._local", "uuid"})


def render(value: object, mask: Mask, depth: int = 0) -> str:
    match value:
        case None | bool() | float():
            return repr(value)
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case int():
            size = value.bit_length()
            return int.__repr__(value) if size <= INT_BITS_MAX else f"<int of {size} bits>"
        case str():
            return _text(value, mask)
        case bytes() | bytearray():
            return f"<{len(value)} bytes>"
        case _:
            pass
    kind = type(value)
    if kind.__module__ in PLAIN_MODULES:
        return mask.text(repr(value))[:TEXT_CHARS_MAX]
    many = _many(value, mask, depth)
    return f"<{kind.__qualname__}>" if many is None else many


def named(name: str, value: object, mask: Mask, depth: int = 0) -> str:
    return MASK if mask.hides(name) else render(value, mask, depth)


def _text(text: str, mask: Mask) -> str:
    seen = mask.text(text[:LOOKED_AT_CHARS_MAX])
    if len(seen) <= TEXT_CHARS_MAX and len(text) <= LOOKED_AT_CHARS_MAX:
        return repr(seen)
    return f"{seen[:TEXT_CHARS_MAX]!r}{MORE}({len(text)} characters)"


def _many(value: object, mask: Mask, depth: int) -> str | None:
    """None: not made of values that could be shown."""
    name = type(value).__name__
    if fields := _fields(value):
        if depth >= DEPTH_MAX:
            return f"<{name}>"
        pairs = ((field, getattr(value, field, None)) for field in fields)
        shown = [f"{k}={named(k, v, mask, depth + 1)}" for k, v in islice(pairs, ITEMS_MAX)]
        return f"{name}({_joined(shown, len(fields))})"
    if not isinstance(value, dict | list | tuple | set | frozenset | deque):
        return None
    count = len(value)
    if depth >= DEPTH_MAX:
        return f"<{name} of {count}>"
    if isinstance(value, dict):
        shown = [
            f"{render(k, mask, depth + 1)}: {named(str(k), v, mask, depth + 1)}"
            if isinstance(k, str)
            else f"{render(k, mask, depth + 1)}: {render(v, mask, depth + 1)}"
            for k, v in islice(value.items(), ITEMS_MAX)
        ]
        return f"{{{_joined(shown, count)}}}"
    opened, closed = BRACKETS.get(type(value), (f"{name}[", "]"))
    shown = [render(item, mask, depth + 1) for item in islice(value, ITEMS_MAX)]
    return f"{opened}{_joined(shown, count)}{closed}"


def _fields(value: object) -> tuple[str, ...]:
    """Of a dataclass or a named tuple."""
    found = getattr(type(value), "__dataclass_fields__", None)
    if found is None and isinstance(value, tuple):
        found = getattr(type(value), "_fields", ())
    return tuple(found or ())


def _joined(shown: list[str], count: int) -> str:
    return ", ".join(shown if count <= len(shown) else [*shown, f"{MORE}{count} in all"])
