"""Read: from blocks and the newest samples to groups of series, each instant at one resolution."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headway.monitoring.block_format import Entry
from headway.monitoring.downsample import KIND_OF, alike
from headway.monitoring.head import Span
from headway.monitoring.io.shelf import Reader, Shelf
from headway.monitoring.parts import Key, Part, Series, between, key_of, united
from headway.monitoring.series import Group, Hint, Labels, Matcher
from headway.monitoring.upkeep import BlockId, Stretch, to_read
from headway.monitoring.wanted import Wanted, wanted_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there was to read at one moment."""

    blocks: Mapping[BlockId, int]
    newest: Sequence[Part]  # of the head, already chosen by matchers


@dataclass(frozen=True, slots=True)
class Question:
    matchers: Sequence[Matcher]
    start_ms: int
    end_ms: int
    hint: Hint | None = None


@dataclass(slots=True)
class Found:
    """Parts of one target. Those without series matter too: they say that series had ended."""

    parts: list[Part] = field(default_factory=list)
    some: bool = False


def groups(shelf: Shelf, snapshot: Snapshot, question: Question) -> list[Group]:
    """Raises FileNotFoundError when a block was replaced meanwhile."""
    found: dict[Key, Found] = {}
    for stretch in to_read(snapshot.blocks, question.start_ms, question.end_ms):
        for part in _in_block(shelf, stretch, question):
            _take(found, between(part, stretch.start_ms, stretch.end_ms))
    for part in snapshot.newest:
        _take(found, between(part, question.start_ms, question.end_ms))
    answers = []
    for one in found.values():
        if one.some:
            part = united(alike(one.parts, question.hint))
            if len(part.times_ms):
                answers.append(part.group())
    return answers


def in_span(span: Span, matchers: Sequence[Matcher]) -> Part | None:
    """What is wanted of the newest samples; None when the target cannot be meant."""
    wanted = wanted_of(matchers, span.base)
    if wanted is None or not span.visible:
        return None
    columns = [
        column
        for name, some in span.columns_by_name.items()
        if wanted.metric(name)
        for column in some
        if wanted.series is None or wanted.series(span.series[column])
    ]
    return span.part(columns)


def all_series(shelf: Shelf, snapshot: Snapshot, question: Question) -> Iterator[Labels]:
    """Labels of what exists in that time, each once."""
    seen: set[tuple[Key, Key]] = set()
    for base, series in _all_series(shelf, snapshot, question):
        target = key_of(base)
        for one in series:
            if (target, one.key) not in seen:
                seen.add((target, one.key))
                yield {**base, **one.told}


def _all_series(
    shelf: Shelf, snapshot: Snapshot, question: Question
) -> Iterator[tuple[Labels, list[Series]]]:
    for stretch in to_read(snapshot.blocks, question.start_ms, question.end_ms):
        with shelf.reading(stretch.block) as reader:
            for entry, wanted in _meant(reader, stretch, question.matchers):
                rows = reader.rows(entry, wanted)
                series = reader.series(entry) if rows else ()
                yield entry.base, [series[row] for row in rows]
    for part in snapshot.newest:
        if len(between(part, question.start_ms, question.end_ms).times_ms):
            yield part.base, list(part.series)


def _take(found: dict[Key, Found], part: Part) -> None:
    if len(part.times_ms):
        one = found.setdefault(key_of(part.base), Found())
        one.parts.append(part)
        one.some = one.some or bool(part.series)


def _in_block(shelf: Shelf, stretch: Stretch, question: Question) -> Iterable[Part]:
    parts: list[Part] = []
    with shelf.reading(stretch.block) as reader:
        for entry, wanted in _meant(reader, stretch, question.matchers):
            parts += _of_entry(reader, entry, wanted, question.hint)
    return parts


def _of_entry(reader: Reader, entry: Entry, wanted: Wanted, hint: Hint | None) -> Iterator[Part]:
    """One part; two, where a function gets prepared figures of the gauges, and counters as well."""
    rows = reader.rows(entry, wanted)
    kind = KIND_OF.get(hint.function) if hint is not None else None
    prepared = entry.buckets.get(kind) if kind is not None else None
    if prepared is not None and rows:
        part = reader.part(prepared, reader.rows(prepared, wanted))
        if part is not None and part.series:
            yield part
            gauges = {series.key for series in part.series}
            series = reader.series(entry)
            rows = [row for row in rows if series[row].key not in gauges]
            if not rows:
                return
    part = reader.part(entry, rows)
    if part is not None:
        yield part


def _meant(
    reader: Reader, stretch: Stretch, matchers: Sequence[Matcher]
) -> Iterator[tuple[Entry, Wanted]]:
    for entry in reader.entries():
        if entry.end_ms >= stretch.start_ms and entry.start_ms <= stretch.end_ms:
            wanted = wanted_of(matchers, entry.base)
            if wanted is not None:
                yield entry, wanted
