"""The newest samples, in memory: per target a matrix that grows by a row at each fetch.

A row counts only once it is committed. Rows are added and never changed, so whoever reads takes the
arrays as they are and needs no copy; when one must grow, the reader's stays as it was. The caller
holds the store's lock for every call here.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from headway.monitoring.parts import Key, Part, Series, key_of, series_of
from headway.monitoring.series import STALE, Floats, Labels, Times, is_stale

ROWS_FIRST = 16
NONE_YET, REFUSED = -1, -2  # instead of a column; what was refused is asked again after a cut
LOOKED_AT = 4
LABELS_CHARS_MAX = 16_384  # of one series, all together


@dataclass(slots=True, eq=False)
class Span:
    """One target since the last cut."""

    base: Labels
    series: list[Series] = field(default_factory=list)
    columns_by_name: dict[str, list[int]] = field(default_factory=dict)
    column_of: dict[Key, int] = field(default_factory=dict)
    times_ms: Times = field(default_factory=lambda: np.zeros(ROWS_FIRST, dtype=np.int64))
    values: Floats = field(default_factory=lambda: np.zeros((ROWS_FIRST, 0)))  # [time, series]
    filled: int = 0  # rows
    visible: int = 0  # of these are committed

    @property
    def size_bytes(self) -> int:
        """Of samples. Labels stay when these leave; they are bounded by the limits on series."""
        return self.values.nbytes + self.times_ms.nbytes

    @property
    def last_ms(self) -> int | None:
        return int(self.times_ms[self.filled - 1]) if self.filled else None

    def widen(self, added: Sequence[Series]) -> None:
        """Columns for series that were never told before: they had been absent until now."""
        for series in added:
            self.column_of[series.key] = len(self.series)
            self.columns_by_name.setdefault(series.name, []).append(len(self.series))
            self.series.append(series)
        wider = np.full((len(self.times_ms), len(self.series)), STALE)
        wider[: self.filled, : self.values.shape[1]] = self.values[: self.filled]
        self.values = wider

    def add(self, at_ms: int, row: Floats) -> None:
        if self.filled == len(self.times_ms):
            more = self.filled // 2
            self.times_ms = np.concatenate([self.times_ms, np.zeros(more, dtype=np.int64)])
            self.values = np.concatenate(
                [self.values, np.full((more, self.values.shape[1]), STALE)]
            )
        self.times_ms[self.filled] = at_ms
        self.values[self.filled] = row
        self.filled += 1

    def part(self, columns: Sequence[int] | None = None) -> Part:
        """What is committed, as it is now; of all series, or of these."""
        values = self.values[: self.visible]
        series = list(self.series)
        if columns is not None:
            values, series = values[:, columns], [self.series[column] for column in columns]
        return Part(self.base, series, self.times_ms[: self.visible], values.T)


@dataclass(slots=True)
class Target:
    """What is remembered of a target from one cut to the next."""

    key: Key
    base: Labels
    service: str
    span: Span
    live: set[Key] = field(default_factory=set)  # series that count against the limits
    counters: frozenset[str] = frozenset()


@dataclass(slots=True)
class Feed:
    """Who appends to a target: its i-th label set is always the same series."""

    target: Target
    known: list[Series | None] = field(default_factory=list)  # None: none yet, or refused
    span: Span | None = None
    columns: Times = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # or one of these
    straight: int = 0  # how many label sets there are, once each has the column of its own number


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was added, and what the log must know first."""

    span: Span
    at_ms: int
    values: Floats
    samples: int  # that are not STALE
    refused: int  # series beyond a limit


@dataclass(slots=True)
class Head:
    series_per_target: int
    series_per_service: int
    targets: dict[Key, Target] = field(default_factory=dict)
    frozen: list[Span] = field(default_factory=list)  # being cut into blocks
    live: Counter[str] = field(default_factory=Counter)  # series, by service

    @property
    def size_bytes(self) -> int:
        return sum(span.size_bytes for span in self.spans())

    @property
    def oldest_ms(self) -> int | None:
        begins = [int(span.times_ms[0]) for span in self.spans() if span.filled]
        return min(begins, default=None)

    def spans(self) -> Iterator[Span]:
        yield from self.frozen
        for target in self.targets.values():
            yield target.span

    def feed(self, base: Labels, counters: frozenset[str] = frozenset()) -> Feed:
        key = key_of(base)
        target = self.targets.get(key)
        if target is None:
            own = dict(base)
            target = self.targets[key] = Target(key, own, own.get("service", ""), Span(own))
        target.counters |= counters
        return Feed(target)

    def append(
        self, feed: Feed, at_ms: int, labels: Sequence[Labels], values: Floats
    ) -> Row | None:
        """None when the target's last row is not older than this one."""
        # A target that had been silent for long was forgotten, perhaps another feed began it anew.
        target = feed.target = self.targets.setdefault(feed.target.key, feed.target)
        span = target.span
        if span.last_ms is not None and at_ms <= span.last_ms:
            return None
        feed.known += [None] * (len(labels) - len(feed.known))
        if len(values) < len(feed.known):  # an older row: of the newer series it says nothing
            more = np.full(len(feed.known) - len(values), STALE)
            values = np.concatenate([values, more])
        refused = 0
        if feed.straight != len(values) or feed.span is not span:
            refused = self._find_columns(feed, labels, values)
        if feed.straight == len(values) == len(span.series):
            row = values.astype(np.float64)  # a copy: the caller may use its own again
        else:
            row = np.full(len(span.series), STALE)
            placed = feed.columns >= 0
            row[feed.columns[placed]] = values[placed]
        samples = int(np.count_nonzero(~is_stale(row)))
        span.add(at_ms, row)
        return Row(span, at_ms, row, samples, refused)

    def _find_columns(self, feed: Feed, labels: Sequence[Labels], values: Floats) -> int:
        """A column for every series that is told of; how many got none."""
        span = feed.target.span
        feed.straight = 0
        if feed.span is not span:
            feed.span, feed.columns = span, np.full(len(feed.known), NONE_YET, dtype=np.int64)
        elif len(feed.columns) < len(feed.known):
            more = np.full(len(feed.known) - len(feed.columns), NONE_YET, dtype=np.int64)
            feed.columns = np.concatenate([feed.columns, more])
        told = ~is_stale(values)
        homeless = np.flatnonzero((feed.columns == NONE_YET) & told)
        if len(homeless):
            self._give_columns(feed, labels, homeless)
        if np.array_equal(feed.columns, np.arange(len(feed.columns))):
            feed.straight = len(feed.columns)
        return int(np.count_nonzero((feed.columns == REFUSED) & told))

    def _give_columns(self, feed: Feed, labels: Sequence[Labels], homeless: Times) -> None:
        target, span = feed.target, feed.target.span
        added: list[Series] = []
        new: dict[Key, int] = {}
        # Beyond some times the limit nobody reads labels any more, or a flood would cost time.
        looked_at = LOOKED_AT * self.series_per_target
        feed.columns[homeless[looked_at:]] = REFUSED
        for index in homeless[:looked_at].tolist():
            series = feed.known[index]
            if series is None:
                series = series_of(target.base, labels[index], target.counters)
            column = span.column_of.get(series.key, new.get(series.key))
            if column is None and self._admit(target, series):
                column = new[series.key] = len(span.series) + len(added)
                added.append(series)
            if column is None:
                feed.columns[index] = REFUSED
            else:
                feed.columns[index], feed.known[index] = column, series
        if added:
            span.widen(added)

    def _admit(self, target: Target, series: Series) -> bool:
        """The newest are refused: what is known goes on."""
        if series.key in target.live:
            return True
        if len(series.key) > LABELS_CHARS_MAX:
            return False
        full = len(target.live) >= self.series_per_target
        if full or self.live[target.service] >= self.series_per_service:
            return False
        target.live.add(series.key)
        self.live[target.service] += 1
        return True

    def freeze(self) -> list[Span]:
        """New spans begin here. Series that were silent since the last time are forgotten."""
        for key, target in list(self.targets.items()):
            span = target.span
            gone = target.live - span.column_of.keys()
            target.live -= gone
            self.live[target.service] -= len(gone)
            if span.filled:
                self.frozen.append(span)
                target.span = Span(target.base)
            elif not target.live:
                del self.targets[key]
        return self.frozen

    def undo(self, spans: Sequence[Span]) -> int:
        """Rows that could not be committed were never there; how many."""
        lost = 0
        for span in spans:
            lost += span.filled - span.visible
            span.filled = span.visible
        return lost


def split(span: Span, window_ms: int) -> Iterator[tuple[int, Part]]:
    """A span by the windows it reaches into, each with its start."""
    part = span.part()
    windows = part.times_ms // window_ms
    for window in np.unique(windows).tolist():
        first, end = np.searchsorted(windows, [window, window + 1])
        some = Part(part.base, part.series, part.times_ms[first:end], part.values[:, first:end])
        yield window * window_ms, _without_absent(some)


def _without_absent(part: Part) -> Part:
    """Series that were told of only in another window are none of this one."""
    there = np.flatnonzero((~is_stale(part.values)).any(axis=1))
    if len(there) == len(part.series):
        return part
    series = [part.series[row] for row in there.tolist()]
    return Part(part.base, series, part.times_ms, part.values[there])
