"""YAML text -> a tree of nodes that know their place, within limits, without recursion.

Whatever the text, this ends soon: size, depth, number of nodes and what aliases add up to are
limited while reading, before anything is built from them. No tag ever makes an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from headway.site.limits import ALIASED_NODES_MAX, DEPTH_MAX, NODES_MAX, TEXT_BYTES_MAX
from headway.site.problem import Problem, quoted
from headway.site.syntax import syntax_problem

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The C parser is a hundred times faster; both give the same events.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text; line and column count from 1."""

    line: int
    column: int
    length: int


@dataclass(frozen=True, slots=True)
class Scalar:
    text: str
    plain: bool  # without quotes: YAML tools may read it as something else than text
    mark: Mark

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: tuple[tuple[Scalar, Node], ...]
    mark: Mark

    def get(self, key: str) -> Node | None:
        return next((value for name, value in self.entries if name.text == key), None)


Node = Scalar | Sequence | Mapping
Data = Scalar | list["Data"] | dict[str, "Data"]
Path = tuple[str | int, ...]


@dataclass(slots=True)
class Tree:
    """The one document, or None; and what was wrong on the way."""

    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)


class _Stopped(Exception):  # noqa: N818 - control flow of this file only
    """Reading on makes no sense."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_tree(text: str) -> Tree:
    """Read one YAML document."""
    refused = _refuse_text(text)
    if refused is not None:
        return Tree(None, [refused])
    reader = _Reader(text.splitlines())
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except _Stopped as stopped:
        return Tree(None, [*reader.problems, stopped.problem])
    except yaml.YAMLError as error:
        return Tree(None, [*reader.problems, syntax_problem(error, text)])
    return Tree(reader.root, reader.problems)


def find(root: Node, path: Path, *, on_key: bool = False) -> Mark:
    """Where a path stands in the text, or the nearest thing above it."""
    node, mark = root, root.mark
    for depth, step in enumerate(path):
        if isinstance(node, Mapping):
            entry = next((e for e in node.entries if e[0].text == step), None)
            if entry is None:
                return mark
            key, node = entry
            # A whole block is no place to point at; the key that opens it is.
            whole = isinstance(node, Mapping) or (isinstance(node, Scalar) and node.is_null)
            mark = key.mark if whole or (on_key and depth == len(path) - 1) else node.mark
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            mark = node.mark
        else:
            return mark
    return mark


def to_data(node: Node) -> Data:
    """The tree as dicts and lists; scalars stay, they know how they were written."""
    match node:
        case Mapping(entries):
            return {key.text: to_data(value) for key, value in entries}
        case Sequence(items):
            return [to_data(item) for item in items]
        case Scalar():
            return node


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node below, with its path."""
    yield path, node
    match node:
        case Mapping(entries):
            for key, value in entries:
                yield from walk(value, (*path, key.text))
        case Sequence(items):
            for index, item in enumerate(items):
                yield from walk(item, (*path, index))
        case Scalar():
            pass


def _refuse_text(text: str) -> Problem | None:
    # Counted in bytes, because that is what the file has; surrogates are found just below.
    if len(text) > TEXT_BYTES_MAX or len(text.encode("utf-8", "replace")) > TEXT_BYTES_MAX:
        message = f"the description is larger than {TEXT_BYTES_MAX // 1024} KiB"
        return Problem("HW001", 1, 1, 1, message, "one site rarely needs 100 KiB; split it in two")
    found = _NOT_TEXT.search(text, 1 if text.startswith("\ufeff") else 0)
    if found is None:
        return None
    lines = text[: found.start() + 1].splitlines() or [""]
    message = f"character U+{ord(found.group()):04X} cannot stand in a text file"
    return Problem(
        "HW010", len(lines), max(1, len(lines[-1])), 1, message, "remove it, or save as UTF-8"
    )


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not been read."""

    start: Any  # a mark of the parser, whose type differs between the two
    is_mapping: bool
    anchor: str | None
    nodes: list[Node]
    node_count_before: int
    height: int = 1  # levels from here down, with what aliases bring in


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias may stand for."""

    node: Node
    size: int  # nodes in it
    height: int  # levels in it


class _Reader:
    """Takes the parser's events one by one and builds the tree on an explicit stack."""

    def __init__(self, lines: list[str]) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._lines = lines
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._node_count = 0
        self._aliased_count = 0

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.AliasEvent():
                self._take_alias(event)
            case yaml.ScalarEvent():
                self._count(event)
                plain = not event.style  # the C parser says "", the other None
                scalar = Scalar(event.value, plain, self._mark(event.start_mark, event.end_mark))
                self._add(scalar, event.anchor, size=1, height=1)
            case yaml.CollectionStartEvent():
                self._start(event)
            case yaml.CollectionEndEvent():
                self._end(event)
            case yaml.DocumentStartEvent() if self.root is not None:
                message = "a second document starts here"
                help_ = "a site is one document: remove `---`, or use one file per site"
                raise _Stopped(self._problem("HW006", event, message, help_))
            case _:
                pass

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        anchor = event.anchor
        if anchor not in self._anchors:
            message = f"`*{anchor}` stands for nothing"
            help_ = f"no `&{anchor}` ends before it; to write a text with `*`, quote it"
            raise _Stopped(self._problem("HW005", event, message, help_))
        meant = self._anchors[anchor]
        if len(self._open) + meant.height > DEPTH_MAX:
            raise _Stopped(self._too_deep(event))
        self._aliased_count += meant.size
        if self._aliased_count > ALIASED_NODES_MAX:
            message = f"aliases stand for more than {ALIASED_NODES_MAX:,} values"
            help_ = "write the values out, or repeat less"
            raise _Stopped(self._problem("HW005", event, message, help_))
        self._node_count += meant.size
        self._add(meant.node, None, size=meant.size, height=meant.height)

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        self._count(event)
        if len(self._open) >= DEPTH_MAX:
            raise _Stopped(self._too_deep(event))
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        opened = _Open(event.start_mark, is_mapping, event.anchor, [], self._node_count)
        self._open.append(opened)

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        done = self._open.pop()
        size = self._node_count - done.node_count_before + 1
        mark = self._mark(done.start, event.end_mark)
        if done.is_mapping:
            node: Node = Mapping(tuple(self._entries(done.nodes)), mark)
        else:
            node = Sequence(tuple(done.nodes), mark)
        self._add(node, done.anchor, size=size, height=done.height)

    def _entries(self, nodes: list[Node]) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, Scalar] = {}
        for key, value in zip(nodes[::2], nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                message = "a key must be one word, not a list or a mapping"
                help_ = "quote it if the braces belong to the text"
                self.problems.append(_at(key.mark, "HW015", message, help_))
            elif key.text in seen:
                message = f"key {quoted(key.text)} is given twice"
                help_ = f"the first is on line {seen[key.text].mark.line}; keep one of them"
                self.problems.append(_at(key.mark, "HW009", message, help_))
            else:
                seen[key.text] = key
                yield key, value

    def _add(self, node: Node, anchor: str | None, *, size: int, height: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = _Anchored(node, size, height)
        if self._open:
            self._open[-1].nodes.append(node)
            self._open[-1].height = max(self._open[-1].height, height + 1)
        else:
            self.root = node

    def _count(self, event: yaml.NodeEvent) -> None:
        self._node_count += 1
        if self._node_count > NODES_MAX:
            message = f"more than {NODES_MAX:,} values"
            raise _Stopped(self._problem("HW001", event, message, "split the site in two"))
        tag = event.tag  # type: ignore[attr-defined]  # scalars and collections have one
        if tag is not None:
            written = tag.replace("tag:yaml.org,2002:", "!!")
            message = f"tags like {quoted(written)} are not allowed"
            help_ = "write the value without a tag; quotes make it a text"
            self.problems.append(self._problem("HW008", event, message, help_))

    def _too_deep(self, event: yaml.Event) -> Problem:
        message = f"nested more than {DEPTH_MAX} deep"
        return self._problem("HW004", event, message, "a site needs six levels")

    def _problem(self, code: str, event: yaml.Event, message: str, help_: str) -> Problem:
        return _at(self._mark(event.start_mark, event.end_mark), code, message, help_)

    def _mark(self, start: Any, end: Any) -> Mark:
        if start.line == end.line:
            length = end.column - start.column
        else:
            line = self._lines[start.line] if start.line < len(self._lines) else ""
            length = len(line.rstrip()) - start.column
        return Mark(start.line + 1, start.column + 1, max(1, length))


def _at(mark: Mark, code: str, message: str, help_: str) -> Problem:
    return Problem(code, mark.line, mark.column, mark.length, message, help_)
