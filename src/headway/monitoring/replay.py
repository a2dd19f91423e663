"""From the write-ahead log back to the newest samples, after a restart."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from headway.monitoring import wal_format
from headway.monitoring.head import Feed, Head
from headway.monitoring.series import NAME, Labels
from headway.monitoring.wal_format import Damage, Record, RowEntry, SeriesEntry, TargetEntry


@dataclass(slots=True)
class Stream:
    """A target within one segment of the log."""

    feed: Feed
    labels: list[Labels] = field(default_factory=list)
    before: NDArray[np.uint64] | None = None  # the row before, if it is known


@dataclass(slots=True)
class Replay:
    """One segment, record by record, into the head."""

    head: Head
    streams: dict[int, Stream] = field(default_factory=dict)
    rows: int = 0
    rows_lost: int = 0  # that were there, but stand on what was damaged
    sequence: int = 0  # the highest seen
    damages: list[Damage] = field(default_factory=list)

    def all(self, found: Iterator[Record | Damage]) -> None:
        for one in found:
            if isinstance(one, Damage):
                self.damages.append(one)
                self._forget_rows()
            else:
                if self.sequence and one.sequence != self.sequence + 1:
                    self._forget_rows()
                self.sequence = one.sequence
                for entry in wal_format.entries(one.entries):
                    self._take(entry)

    def _forget_rows(self) -> None:
        for stream in self.streams.values():
            stream.before = None

    def _take(self, entry: TargetEntry | SeriesEntry | RowEntry) -> None:
        if isinstance(entry, TargetEntry):
            self.streams[entry.number] = Stream(self.head.feed(entry.base))
            return
        stream = self.streams.get(entry.number)
        if isinstance(entry, RowEntry):
            if stream is None or not self._row(stream, entry):
                self.rows_lost += 1
        elif stream is not None and entry.first == len(stream.labels):
            stream.labels += [told for told, _ in entry.series]
            counters = {told[NAME] for told, counter in entry.series if counter}
            stream.feed.target.counters |= counters

    def _row(self, stream: Stream, entry: RowEntry) -> bool:
        if entry.columns > len(stream.labels):
            return False  # the labels were in what was damaged
        bits = entry.bits
        if not entry.alone:
            if stream.before is None:
                return False
            bits = entry.bits.copy()
            bits[: len(stream.before)] ^= stream.before
        stream.before = bits
        values = bits.view(np.float64)
        row = self.head.append(stream.feed, entry.at_ms, stream.labels[: entry.columns], values)
        self.rows += row is not None
        return True
