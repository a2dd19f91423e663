"""How things look: words, columns and colours. Plain when not a terminal, cut to it when it is.

Whatever a service chose to say has no power here: control characters never reach a terminal.
"""

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TextIO

import click

WIDTH_MIN, WIDTH_DEFAULT = 20, 80
LAST_COLUMN_MIN = 16  # less than this says nothing; other columns are left out before

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


def is_terminal(stream: TextIO | None = None) -> bool:
    """One that can move its cursor; standard output, unless another is meant."""
    return (stream or sys.stdout).isatty() and _is_able(os.environ)


def colour_wish(environ: Mapping[str, str]) -> bool | None:
    """True and False: somebody asked for it. None: as the output is, a terminal or not."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("CLICOLOR_FORCE", "0") not in {"", "0"}:
        return True
    return False if environ.get("CLICOLOR") == "0" or not _is_able(environ) else None


def _is_able(environ: Mapping[str, str]) -> bool:
    return environ.get("TERM", "") not in {"", "dumb"}


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


def one_line(text: str) -> str:
    """`clean`, and nobody can make a line of their own by it."""
    return clean(text.replace("\n", " ").replace("\t", " "))


def as_json(answer: Any, *, indent: int | None = 2) -> str:
    """Whatever a terminal might obey is escaped; a reader of JSON gets it as it was."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    plain = encoding.replace("-", "") != "utf8"
    text = json.dumps(answer, indent=indent, ensure_ascii=plain)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def problem(error: str, remedy: str) -> str:
    lines = [f"{click.style('error:', fg='red', bold=True)} {error}"]
    if remedy:
        lines.append(f"   = help: {remedy}")
    return "\n".join(lines)


def envoy_text(envoy: Mapping[str, Any]) -> str:
    """`1.40.0`, and what there is to say beyond it."""
    version, text = str(envoy["version"]), str(envoy["text"])
    return text if not version or version in text else ", ".join(filter(None, (version, text)))


def table(rows: Sequence[Sequence[Cell]], *, indent: str = "", spare: Sequence[str] = ()) -> str:
    """Left-aligned columns. On a terminal that is too narrow the columns headed as in `spare` are
    left out, one after the other, and then the last one is cut.
    """
    texts = [[one_line(_text(cell)).rstrip() for cell in row] for row in rows]
    widths = [max(columns_of(row[i]) for row in texts) for i in range(len(texts[0]))]
    columns = width()
    kept = _fitting(texts[0], widths, columns, len(indent), spare)
    if columns is not None and len(kept) > 1:  # still too much: the widest gives some of it
        over = len(indent) + sum(widths[i] + 2 for i in kept[:-1]) + LAST_COLUMN_MIN - columns
        widest = max(kept[:-1], key=lambda i: widths[i])
        widths[widest] = min(widths[widest], max(LAST_COLUMN_MIN, widths[widest] - over))
    room = (
        None if columns is None else columns - len(indent) - sum(widths[i] + 2 for i in kept[:-1])
    )
    lines = []
    for row, plain in zip(rows, texts, strict=True):
        last = plain[kept[-1]]
        cells = [_padded(shorten(plain[i], widths[i]), widths[i]) for i in kept[:-1]]
        cells.append(last if room is None else shorten(last, max(8, room)))
        styled = [_styled(row[i], text) for i, text in zip(kept, cells, strict=True)]
        lines.append((indent + "  ".join(styled)).rstrip())
    return "\n".join(lines)


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - columns_of(text))


def marked(rows: Sequence[Sequence[Cell]], names: Collection[str] | None) -> list[list[Cell]]:
    """With a column before the others that marks the rows which begin with one of the names."""
    if names is None:
        return [list(row) for row in rows]
    return [[("*", "yellow") if _text(row[0]) in names else "", *row] for row in rows]


def _fitting(
    heads: Sequence[str],
    widths: Sequence[int],
    columns: int | None,
    indent: int,
    spare: Sequence[str],
) -> list[int]:
    kept = list(range(len(heads)))
    for name in spare:
        wanted = min(widths[-1], LAST_COLUMN_MIN)
        taken = indent + sum(widths[i] + 2 for i in kept[:-1]) + wanted
        if columns is None or taken <= columns:
            break
        kept = [i for i in kept if heads[i] != name or i == len(heads) - 1]
    return kept


def columns_of(text: str) -> int:
    """On a terminal: some letters take two, and some none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def shorten(text: str, columns_max: int) -> str:
    if columns_of(text) <= columns_max:
        return text
    shown = text[: columns_max - 1]
    while columns_of(shown) > columns_max - 1:
        shown = shown[:-1]
    return shown + "…"


def cut(line: str, columns: int) -> str:
    """At most this wide, whatever colours are in it."""
    if columns_of(click.unstyle(line)) <= columns:
        return line
    shown, room = "", columns - 1
    for part in re.split(f"({ESCAPE.pattern})", line):
        if ESCAPE.fullmatch(part):
            shown += part
            continue
        fitting = part[:room]
        while columns_of(fitting) > room:
            fitting = fitting[:-1]
        shown += fitting
        room -= columns_of(fitting)
    return shown + "…"


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
