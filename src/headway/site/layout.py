"""Nodes and comments -> lines: keys in the order of the reference, two spaces for each level.

Promises: a comment stays with what it was written about, a text with its quotes, and what was
written in braces stays in braces while it fits on a line. Doing it twice changes nothing more.
"""

from collections.abc import Sequence

import yaml

from headway.site.page import (
    Page,
    Unformattable,
    entries,
    indent_said,
    is_block,
    is_block_scalar,
    is_empty,
    last_line,
)
from headway.site.shaping import shape_at
from headway.site.tree import Path

WIDTH = 100
STEP = 2  # columns for each level
CONTINUED = "#    "  # a comment that goes on below the one beside a value
DOCUMENT = ("---", "...")


class Layout:
    """Lays out one page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def lines(self, root: yaml.MappingNode) -> list[str]:
        first = root.value[0][0].start_mark.line if root.value else len(self._page.lines)
        header = self._header(first)
        if root.flow_style:
            if self._page.has_comment(first, last_line(root)):
                raise Unformattable(first + 1, "comments inside of braces", "use no braces here")
            return [*self._plain(0, header), *self._opened(root, 0, ())]
        body = self._mapping(root, 0, (header, len(self._page.lines)), ())
        return _without_double_blanks([*self._plain(0, header), *body])

    def _header(self, first: int) -> int:
        """What stands above everything, whichever key comes first: up to the last blank line."""
        above = [line.strip() for line in self._page.lines[:first]]
        blank = max((n for n, line in enumerate(above) if not line), default=-1)
        marker = max((n for n, line in enumerate(above) if line in DOCUMENT), default=-1)
        return max(blank, marker) + 1 or first

    def _plain(self, start: int, end: int) -> list[str]:
        return [line.strip() for line in self._page.lines[start:end]]

    def _mapping(
        self, node: yaml.MappingNode, indent: int, region: tuple[int, int], path: Path
    ) -> list[str]:
        """A block mapping with the free lines of its region, from the first to before the last."""
        column = node.start_mark.column
        found = list(entries(node))
        blocks: list[tuple[str, list[str]]] = []
        start = region[0]
        for number, (key, value) in enumerate(found):
            end = found[number + 1][0].start_mark.line if number + 1 < len(found) else region[1]
            last = max(key.start_mark.line, last_line(key if is_empty(value) else value))
            split = self._split(last + 1, end, column)
            lead = self._free(start, key.start_mark.line, column, indent)
            body = self._entry(key, value, indent, (last + 1, split), path)
            blocks.append((key.value, lead + body))
            start = split
        after = self._free(start, region[1], column, indent)
        order = _order(path)
        blocks.sort(key=lambda b: order.index(b[0]) if b[0] in order else len(order))
        lines = [line for _, block in blocks for line in block]
        while lines and not lines[0]:
            lines.pop(0)
        return lines + after

    def _split(self, start: int, end: int, column: int) -> int:
        """Free lines after an entry: from here on they belong to the next one."""
        own, above = self._page.own, self._page.lines[start - 1]
        depth = len(above) - len(above.lstrip()) if start - 1 in self._page.beside else None
        continued = depth is not None
        for number in range(start, end):
            comment = own.get(number)
            is_further = comment is not None and comment.text.startswith(CONTINUED)
            continued = continued and is_further and comment is not None and comment.column == depth
            if comment is not None and comment.column <= column and not continued:
                end = number
                break
            if comment is None and self._page.lines[number].strip() in DOCUMENT:
                end = number
                break
        while end > start and not self._page.lines[end - 1].strip():
            end -= 1
        return end

    def _free(self, start: int, end: int, column: int, indent: int) -> list[str]:
        """Comments and blank lines; what was written deeper stays deeper."""
        lines = []
        for number in range(start, end):
            comment = self._page.own.get(number)
            if comment is None:
                lines.append(self._page.lines[number].strip())
            else:
                deeper = STEP if comment.column > column else 0
                lines.append(" " * (indent + deeper) + comment.text)
        return lines

    def _entry(
        self,
        key: yaml.ScalarNode,
        value: yaml.Node,
        indent: int,
        tail: tuple[int, int],
        path: Path,
    ) -> list[str]:
        head = " " * indent + self._page.source(key)[0] + ":"
        column, line = key.start_mark.column, key.start_mark.line
        below = (*path, key.value)
        if is_block(value):
            region = (line + 1, tail[1])
            opening = self._with_comment(head, line, indent - column)
            if isinstance(value, yaml.MappingNode):
                return [opening, *self._mapping(value, indent + STEP, region, below)]
            assert isinstance(value, yaml.SequenceNode), "the only other kind of block"
            return [opening, *self._sequence(value, indent + STEP, region)]
        between = self._between(line, value, indent)
        rest = self._free(*tail, column, indent)
        return [*between, *self._value(head, value, indent, column, below), *rest]

    def _between(self, line: int, value: yaml.Node, indent: int) -> list[str]:
        """Comments between a key and a value that begins on another line go above the key."""
        if is_empty(value):
            return []
        page, first = self._page, value.start_mark.line
        found = [page.beside.get(line)] if first > line else []
        found += [page.own.get(n) for n in range(line + 1, first)]
        return [" " * indent + c.text for c in found if c is not None]

    def _sequence(self, node: yaml.SequenceNode, indent: int, region: tuple[int, int]) -> list[str]:
        lines, start = [], region[0]
        for item in node.value:
            if is_block(item):
                raise Unformattable(
                    item.start_mark.line + 1, "a list of mappings", "no key has such a value"
                )
            first = min(item.start_mark.line, len(self._page.lines) - 1)
            lines += self._free(start, first, node.start_mark.column, indent)
            head = " " * indent + "-"
            lines += self._value(head, item, indent, node.start_mark.column, ())
            start = last_line(item) + 1
        return lines + self._free(start, region[1], node.start_mark.column, indent)

    def _value(
        self, head: str, value: yaml.Node, indent: int, column: int, path: Path
    ) -> list[str]:
        """A value that stands beside its key: a text, or something in brackets."""
        shift = indent - column
        if is_empty(value):
            return [self._with_comment(head, value.start_mark.line, shift)]
        first, last = value.start_mark.line, last_line(value)
        if isinstance(value, yaml.CollectionNode):
            if self._is_raw(value):
                return self._raw(head, value, shift)
            line = f"{head} {self._flow(value, path)}"
            if len(line) <= WIDTH or not value.value:
                return [self._with_comment(line, last, shift)]
            comment = self._page.beside.get(last)
            opening = f"{head}  {comment.text}" if comment else head
            return [opening, *self._opened(value, indent + STEP, path)]
        source = self._page.source(value)
        if is_block_scalar(value):
            return [f"{head} {source[0].rstrip()}", *_block_lines(source, indent, column)]
        if first == last:
            return [self._with_comment(f"{head} {source[0]}", last, shift)]
        more = [
            " " * (indent + STEP) + line.lstrip() if line.strip() else "" for line in source[1:]
        ]
        more[-1] = self._with_comment(more[-1], last, shift)
        return [f"{head} {source[0].rstrip()}", *more]

    def _is_raw(self, node: yaml.CollectionNode) -> bool:
        """Brackets over several lines with comments or long texts in them stay as they are."""
        first, last = node.start_mark.line, last_line(node)
        inside = self._page.has_comment(first, last - 1) or last in self._page.own
        return first != last and (inside or any(_is_long(n) for n in _scalars(node)))

    def _raw(self, head: str, node: yaml.Node, shift: int) -> list[str]:
        start, last = node.start_mark, last_line(node)
        lines = [f"{head} {self._page.lines[start.line][start.column :].rstrip()}"]
        for line in self._page.lines[start.line + 1 : last + 1]:
            depth = max(0, len(line) - len(line.lstrip()) + shift)
            lines.append((" " * depth + line.strip()).rstrip())
        return lines

    def _flow(self, node: yaml.Node, path: Path) -> str:
        """In one line, inside brackets."""
        if isinstance(node, yaml.MappingNode):
            pairs = (
                f"{self._page.source(key)[0]}: {self._flow(value, (*path, key.value))}"
                for key, value in _ordered(node, path)
            )
            return "{" + ", ".join(pairs) + "}"
        if isinstance(node, yaml.SequenceNode):
            return "[" + ", ".join(self._flow(item, ()) for item in node.value) + "]"
        return "" if is_empty(node) else self._page.source(node)[0]

    def _opened(self, node: yaml.CollectionNode, indent: int, path: Path) -> list[str]:
        """What does not fit into one line loses its brackets."""
        lines = []
        for item in _ordered(node, path) if isinstance(node, yaml.MappingNode) else node.value:
            key, value = item if isinstance(item, tuple) else (None, item)
            word = "-" if key is None else self._page.source(key)[0] + ":"
            below = path if key is None else (*path, key.value)
            line = f"{' ' * indent}{word} {self._flow(value, below)}".rstrip()
            if len(line) <= WIDTH or not isinstance(value, yaml.CollectionNode) or key is None:
                lines.append(line)
            else:
                lines.append(f"{' ' * indent}{word}")
                lines += self._opened(value, indent + STEP, below)
        return lines

    def _with_comment(self, line: str, number: int, shift: int) -> str:
        comment = self._page.beside.get(number)
        if comment is None:
            return line
        # Comments below each other stay so, unless a line has grown into its own.
        return line.ljust(max(len(line) + 2, comment.column + shift)) + comment.text


def _order(path: Path) -> Sequence[str]:
    shape = shape_at(path)
    return list(shape.model_fields) if shape else []


def _ordered(node: yaml.MappingNode, path: Path) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    order = _order(path)
    return sorted(
        entries(node), key=lambda e: order.index(e[0].value) if e[0].value in order else len(order)
    )


def _scalars(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [found for key, value in node.value for found in (key, *_scalars(value))]
    if isinstance(node, yaml.SequenceNode):
        return [found for item in node.value for found in _scalars(item)]
    return [node]


def _is_long(node: yaml.Node) -> bool:
    return bool(node.start_mark.line != node.end_mark.line)


def _block_lines(source: Sequence[str], indent: int, column: int) -> list[str]:
    """The text below `|` or `>`, moved as a whole."""
    said = indent_said(source[0])
    depths = [len(line) - len(line.lstrip(" ")) for line in source[1:] if line.strip()]
    taken = column + said if said else min(depths, default=0)
    depth = indent + (said or STEP)
    return [" " * depth + line[taken:] if line.strip() else "" for line in source[1:]]


def _without_double_blanks(lines: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return kept
