"""What differs from what runs, line by line: `+` comes, `-` goes, `~` becomes another.

Colours only say again what signs and words have said.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import click

from headway.cli.show import clean, columns_of, dim, one_line, shorten, width

MARKS = {"added": ("+", "green"), "changed": ("~", "yellow"), "removed": ("-", "red")}
INDENT = "    "


def change_lines(changes: Sequence[Any]) -> Iterator[str]:
    for subject, found in itertools.groupby(changes, key=lambda c: c["subject"]):
        lines = list(found)
        kinds = {c["kind"] for c in lines}
        mark, colour = MARKS[kinds.pop() if len(kinds) == 1 else "changed"]
        yield click.style(f"{mark} {clean(subject)}", fg=colour)
        yield from _rows(lines)


def _rows(changes: Sequence[Any]) -> Iterator[str]:
    names = [one_line(c["what"]) for c in changes]
    parts = [_parts(c) for c in changes]
    name_width = max(columns_of(name) for name in names)
    part_width = max(columns_of(_plain(part)) for part in parts)
    columns = width()
    for name, part, change in zip(names, parts, changes, strict=True):
        effect = one_line(change["effect"])
        if columns is not None:
            room = columns - len(INDENT) - name_width - part_width - 4
            effect = shorten(effect, max(8, room))
        padded = name + " " * (name_width - columns_of(name))
        space = " " * (part_width - columns_of(_plain(part)))
        coloured = "".join(click.style(text, fg=colour) for text, colour in part)
        yield f"{INDENT}{padded}  {coloured}{space}  {dim(effect)}"


def _parts(change: Any) -> list[tuple[str, str | None]]:
    before, after = one_line(change["before"]), one_line(change["after"])
    if before and after:
        return [(before, "red"), (" -> ", None), (after, "green")]
    return [(after, "green") if after else (before, "red")]


def _plain(part: Sequence[tuple[str, str | None]]) -> str:
    return "".join(text for text, _ in part)
