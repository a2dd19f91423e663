"""How things look: words, columns and colours. Plain when not a terminal, 80 columns when it is."""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

WIDTH_MIN, WIDTH_DEFAULT = 40, 80

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")

Cell = str | tuple[str, str]  # text, or text and colour

COLOUR_OF_PHASE = {
    "starting": "yellow",
    "ready": "green",
    "unready": "red",
    "draining": "cyan",
    "stopping": "cyan",
    "failed": "red",
    "done": "green",
}


def is_terminal() -> bool:
    return sys.stdout.isatty()


def width() -> int | None:
    """Columns of the terminal; None when there is none and nothing needs to be cut."""
    if not is_terminal():
        return None
    return max(WIDTH_MIN, shutil.get_terminal_size((WIDTH_DEFAULT, 24)).columns)


def dim(text: str) -> str:
    return click.style(text, dim=True)


def bold(text: str) -> str:
    return click.style(text, bold=True)


def clean(text: str) -> str:
    """Without anything that a terminal would obey: the text may come from anywhere."""
    plain = ESCAPE.sub("", text)  # colours of a program that thought it had a terminal
    return "".join(
        c if c.isprintable() or c in "\t\n" else "\N{REPLACEMENT CHARACTER}" for c in plain
    )


def problem(error: str, remedy: str) -> str:
    lines = [f"{click.style('error:', fg='red', bold=True)} {error}"]
    if remedy:
        lines.append(f"   = help: {remedy}")
    return "\n".join(lines)


def envoy_text(envoy: Mapping[str, Any]) -> str:
    """`1.40.0`, and what there is to say beyond it."""
    version, text = str(envoy["version"]), str(envoy["text"])
    return text if not version or version in text else ", ".join(filter(None, (version, text)))


def table(rows: Sequence[Sequence[Cell]], *, indent: str = "") -> str:
    """Left-aligned columns; only the last one is cut when the terminal is too narrow."""
    texts = [[clean(_text(cell)).rstrip() for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(texts[0]))]
    columns = width()
    room = None if columns is None else columns - len(indent) - sum(w + 2 for w in widths[:-1])
    lines = []
    for row, plain in zip(rows, texts, strict=True):
        last = plain[-1] if room is None else shorten(plain[-1], max(8, room))
        cells = [t.ljust(w) for t, w in zip(plain[:-1], widths, strict=False)]
        styled = [_styled(c, t) for c, t in zip(row, [*cells, last], strict=True)]
        lines.append((indent + "  ".join(styled)).rstrip())
    return "\n".join(lines)


def shorten(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else text[: length_max - 1] + "…"


def duration(seconds: float) -> str:
    """Two digits are enough: `0.6 s`, `14 s`, `4 min`, `3 h`, `6 d`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit_s, unit, limit_s in ((1, "s", 120), (60, "min", 7200), (3600, "h", 172_800)):
        if seconds < limit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def clock(text: str) -> str:
    """`14:02:07` today, `Tue 14:02` within a week, else the date; in the reader's own time."""
    at = moment(text).astimezone()
    now = datetime.now(at.tzinfo)
    if at.date() == now.date():
        return f"{at:%H:%M:%S}"
    return f"{at:%a %H:%M}" if abs(now - at) < timedelta(days=6) else f"{at:%Y-%m-%d %H:%M}"


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _styled(cell: Cell, text: str) -> str:
    if isinstance(cell, str):
        return text
    return dim(text) if cell[1] == "dim" else click.style(text, fg=cell[1])
