"""Cut sources and README files into passages: one docstring, or one section, is one answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc

TEXT_CHARS_MIN = 48
TEXT_CHARS_MAX = 1500

# Not a parser: docstrings are found by their place after `def`, `class` or the top of a file.
_QUOTES = ('"""', "'''")
# It begins with a plain character, not with ^: that is several times as quick to look for.
_DEFINITION = re.compile(r"\n([ ]*)(?:async[ ]+)?(def|class)[ ]+(\w+)")
_HEADING = re.compile(
    r"^(?:#{1,4}[ ]+(?P<hash>.+)|(?P<line>\S.*)\n(?:={3,}|-{3,}|~{3,})[ ]*$)", re.MULTILINE
)
_IMAGE_LINK = re.compile(r"\[?!\[[^\]]*\]\([^)]*\)(?:\]\([^)]*\))?")
_NOISE = re.compile(r"<[^>]*>|\[([^\]]*)\]\([^)]*\)|[`*|]{1,3}")
_BLANK_LINES = re.compile(r"\n\s*\n\s*")


@dataclass(frozen=True, slots=True)
class Passage:
    title: str  # "asyncio.queues.Queue.put", "click: README"
    place: str  # "asyncio/queues.py, line 121"
    origin: str  # "Python 3.11", "click 8.5"
    text: str
    rank: int  # 0 whole module, 1 class or section, 2 function: smaller is kept first


def of_source(source: str, *, module: str, path: str, origin: str) -> Iterator[Passage]:
    """Public docstrings, in the order of the file."""
    within: list[tuple[int, str, str]] = []  # indent, kind, name of the open definitions
    started = False
    for code, text, line in _strings(source):
        found = _DEFINITION.findall("\n" + code)
        for spaces, kind, name in found:
            within = [each for each in within if each[0] < len(spaces)]
            within.append((len(spaces), kind, name))
        before = code.rpartition("\n")[2]
        is_first = bool(found) or not started
        started = True
        if not is_first or before.strip() not in ("", "r", "R"):
            continue  # a string of the code, or a second one
        owner = [each for each in within if each[0] < len(before.rstrip("rR"))]
        names = [name for _, _, name in owner]
        if any(name.startswith("_") for name in names) or (within and not owner):
            continue
        if len(tidied := _tidy(text)) >= TEXT_CHARS_MIN:
            rank = 0 if not owner else 1 if owner[-1][1] == "class" else 2
            title = ".".join((module, *names))
            yield Passage(title, f"{path}, line {line}", origin, tidied, rank)


def _strings(source: str) -> Iterator[tuple[str, str, int]]:
    """Every long string: the code since the one before, its text, and its line."""
    ends = len(source)
    coming = [source.find(quotes) for quotes in _QUOTES]
    at, line = 0, 1
    while True:
        for kind, quotes in enumerate(_QUOTES):
            if 0 <= coming[kind] < at:
                coming[kind] = source.find(quotes, at)
        start = min((found for found in coming if found >= 0), default=ends)
        quotes = source[start : start + 3]
        end = source.find(quotes, start + 3) if quotes else -1
        if end < 0:
            return
        code, text = source[at:start], source[start + 3 : end]
        line += code.count("\n")
        yield code, text, line
        line += text.count("\n")
        at = end + 3


def of_readme(readme: str, *, name: str, origin: str) -> Iterator[Passage]:
    """Sections under their headings."""
    cuts = [*_HEADING.finditer(readme)]
    starts = [0, *(cut.end() for cut in cuts)]
    ends = [*(cut.start() for cut in cuts), len(readme)]
    heads = ["", *(_tidy(cut["hash"] or cut["line"]) for cut in cuts)]
    for start, end, head in zip(starts, ends, heads, strict=True):
        text = _tidy(_without_markup(readme[start:end]))
        if len(text) >= TEXT_CHARS_MIN:
            title = f"{name}: {head[:80]}" if head and head.lower() != name.lower() else name
            yield Passage(title, "README", origin, text, rank=1)


def _without_markup(text: str) -> str:
    text = _NOISE.sub(lambda found: found[1] or "", _IMAGE_LINK.sub("", text))
    return _BLANK_LINES.sub("\n\n", text)


def _tidy(text: str) -> str:
    """As its author laid it out, without the indentation of the code around it."""
    return cleandoc(text[: TEXT_CHARS_MAX * 2])[:TEXT_CHARS_MAX].strip()
