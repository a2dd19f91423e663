"""A description as a page: where its values stand, and the comments and blank lines between them.

The YAML parser says where each value begins and ends; what is left of a line is a comment or
nothing. Comments are never parsed: they are kept as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

# The C parser is a hundred times faster; both give the same nodes.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BLOCK_HEADER = re.compile(r"[|>][+-]?([1-9])?[+-]?")
_HASH_SIGN = re.compile(r"(?:^|(?<=[ \t]))#")
_ANCHORS = (yaml.AnchorToken, yaml.AliasToken, yaml.TagToken, yaml.DirectiveToken)


class Unformattable(ValueError):  # noqa: N818 - it is an answer about a text, not a failure
    """Why a description is better left as it is."""

    def __init__(self, line: int, reason: str, help_: str) -> None:
        super().__init__(reason)
        self.line = line  # from 1
        self.reason = reason
        self.help = help_


@dataclass(frozen=True, slots=True)
class Comment:
    column: int  # from 0
    text: str  # from its `#` on


class Page:
    """The lines of a description, counted from 0 as the parser does."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.own: dict[int, Comment] = {}  # alone on its line
        self.beside: dict[int, Comment] = {}  # after a value
        covered = self._covered(text)
        for number, line in enumerate(self.lines):
            column = _hash_sign(line, covered.get(number, []))
            if column is not None:
                alone = not line[:column].strip()
                comment = Comment(column, line[column:].rstrip())
                (self.own if alone else self.beside)[number] = comment

    def comments(self) -> list[str]:
        """All comments, in no order that matters."""
        return sorted(c.text for c in (*self.own.values(), *self.beside.values()))

    def has_comment(self, first: int, last: int) -> bool:
        return any(n in self.own or n in self.beside for n in range(first, last + 1))

    def source(self, node: yaml.Node) -> list[str]:
        """A scalar as it was written, line by line; a block scalar without what ends it."""
        start, last = node.start_mark, last_line(node)
        if last == start.line:
            end = node.end_mark.column if node.end_mark.line == start.line else None
            return [self.lines[start.line][start.column : end]]
        middle = self.lines[start.line + 1 : last]
        end = None if is_block_scalar(node) else node.end_mark.column
        return [self.lines[start.line][start.column :], *middle, self.lines[last][:end]]

    def _covered(self, text: str) -> dict[int, list[tuple[int, int]]]:
        """Which columns of which lines belong to values."""
        found: dict[int, list[tuple[int, int]]] = {}
        for token in yaml.scan(text, Loader=_LOADER):
            if isinstance(token, _ANCHORS):
                raise Unformattable(
                    token.start_mark.line + 1,
                    "anchors, aliases, tags and directives cannot be put in order",
                    "write the values out",
                )
            if isinstance(token, yaml.ScalarToken):
                start, end = token.start_mark, token.end_mark
                whole = bool(token.style) and token.style in "|>"
                for line in range(start.line, min(end.line + 1, len(self.lines))):
                    first = start.column if line == start.line else 0
                    last = end.column if line == end.line else len(self.lines[line])
                    if not (whole and line == end.line and line > start.line and not last):
                        found.setdefault(line, []).append((first, last))
        return found


def compose(text: str) -> yaml.MappingNode:
    """The nodes of a description that was found to be one."""
    node = yaml.compose(text, Loader=_LOADER)
    assert isinstance(node, yaml.MappingNode), "only what was parsed is formatted"
    return node


def entries(node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.start_mark.line != key.end_mark.line:
            raise Unformattable(
                key.start_mark.line + 1, "a key is more than one word", "write it on one line"
            )
        yield key, value


def is_block_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and bool(node.style) and node.style in "|>"


def is_empty(node: yaml.Node) -> bool:
    """Nothing is written: `calls:`."""
    return (
        isinstance(node, yaml.ScalarNode)
        and node.start_mark.line == node.end_mark.line
        and node.start_mark.column == node.end_mark.column
    )


def is_block(node: yaml.Node) -> bool:
    """Spread over lines by indentation, without brackets."""
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def last_line(node: yaml.Node) -> int:
    """The last line on which a part of this node stands."""
    if is_block(node):
        child: Any = node.value[-1]
        key, value = child if isinstance(child, tuple) else (child, child)
        return last_line(key) if is_empty(value) else last_line(value)
    end = node.end_mark
    # A block scalar ends where the next thing begins.
    ends_before = is_block_scalar(node) and not end.column and end.line > node.start_mark.line
    return int(end.line - 1 if ends_before else end.line)


def indent_said(header: str) -> int | None:
    """`|2` says how deep a block scalar is indented."""
    found = _BLOCK_HEADER.match(header)
    digits = [c for c in found.group() if c.isdigit()] if found else []
    return int(digits[0]) if digits else None


def _hash_sign(line: str, covered: list[tuple[int, int]]) -> int | None:
    if "#" not in line:
        return None
    free = bytearray(b"\1") * len(line)
    for first, last in covered:
        free[first:last] = bytes(last - first)
    return next((f.start() for f in _HASH_SIGN.finditer(line) if free[f.start()]), None)
