"""A problem in a description, and how a person is shown it: place, caret, what to do.

What is printed is one line per source line: nothing from the file can move the cursor, colour the
terminal or flood it.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

PROBLEMS_SHOWN_MAX = 50
SOURCE_WIDTH_MAX = 100
GUTTER_WIDTH_MIN = 2


class Severity(StrEnum):
    ERROR = "error"  # the description cannot be used
    WARNING = "warning"  # it can, but somebody will be sorry


@dataclass(frozen=True, slots=True)
class Label:
    """A second place of a problem, and what stands there."""

    line: int
    column: int
    length: int
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    code: str  # "HW012"; `headway explain HW012` says more
    line: int  # from 1
    column: int  # from 1, in characters
    length: int  # what the caret underlines, in characters
    message: str
    help: str = ""
    severity: Severity = Severity.ERROR
    also: Label | None = None


def render(problems: Sequence[Problem], *, text: str, file: str) -> str:
    """Show all problems in the order of the file, and how many there are."""
    lines = text.splitlines()
    shown = [_render_one(p, lines, file) for p in problems[:PROBLEMS_SHOWN_MAX]]
    hidden_count = len(problems) - len(shown)
    more = [f"… and {hidden_count} more, not shown.\n"] if hidden_count > 0 else []
    return "\n".join([*shown, *more, summary(problems, file=file)]) + "\n"


def summary(problems: Sequence[Problem], *, file: str) -> str:
    """`5 errors in site.yaml. Nothing was changed.`"""
    count = Counter(p.severity for p in problems)
    parts = [_plural(count[s], s.value) for s in Severity if count[s]]
    found = ", ".join(parts) or "no problems"
    end = " Nothing was changed." if count[Severity.ERROR] else ""
    return f"{found} in {printable(file)}.{end}"


def quoted(value: str, length_max: int = 60) -> str:
    """Something from the file, short and harmless enough to stand in a message."""
    short = value if len(value) <= length_max else value[: length_max - 1] + "…"
    return f"`{printable(short)}`"


def printable(text: str) -> str:
    """Without anything that a terminal would obey."""
    return "".join(_harmless(c) for c in text)


def _harmless(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in "\t\n\r" else "\N{REPLACEMENT CHARACTER}"


def _render_one(problem: Problem, lines: Sequence[str], file: str) -> str:
    also = problem.also
    lines_shown = (problem.line, also.line if also else 0)
    width = max(GUTTER_WIDTH_MIN, *(len(str(n)) for n in lines_shown))
    gutter = " " * width
    parts = [
        f"{problem.severity}[{problem.code}]: {printable(problem.message)}",
        f"{gutter}--> {printable(file)}:{problem.line}:{problem.column}",
        f"{gutter} |",
        *_shown(problem, lines, width),
    ]
    if also:
        first, carets = _shown(also, lines, width)
        if also.line != problem.line:
            parts += [f"{gutter} …", first]
        parts.append(f"{carets} {printable(also.text)}")
    if problem.help:
        parts.append(f"{gutter} = help: {printable(problem.help)}")
    return "\n".join(parts) + "\n"


def _shown(place: Problem | Label, lines: Sequence[str], width: int) -> tuple[str, str]:
    """The line of a place, and below it the carets."""
    source = lines[place.line - 1] if place.line <= len(lines) else ""
    before, marked, after = _crop(source, place.column - 1, place.length)
    caret = "^" * max(1, _columns(marked))
    return (
        f"{place.line:>{width}} | {before}{marked}{after}".rstrip(),
        f"{' ' * width} | {' ' * _columns(before)}{caret}",
    )


def _crop(source: str, start: int, length: int) -> tuple[str, str, str]:
    """The part of a long line that holds the problem, cut where the caret begins and ends."""
    start = min(start, len(source))
    end = min(start + min(length, SOURCE_WIDTH_MAX), len(source))
    first, last = 0, len(source)
    if last > SOURCE_WIDTH_MAX:
        first = max(0, min(start - 20, last - SOURCE_WIDTH_MAX))
        last = min(last, max(first + SOURCE_WIDTH_MAX, end))
    before = ("…" if first else "") + printable(source[first:start])
    after = printable(source[end:last]) + ("…" if last < len(source) else "")
    return before, printable(source[start:end]), after


def _columns(text: str) -> int:
    """How wide a terminal draws it."""
    return sum(_width(c) for c in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
