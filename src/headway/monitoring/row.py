"""One target's samples at one time: what it told itself and what is known about it, as one row.

Column `i` is always the series `labels[i]`; columns are only ever added. A target that tells what
we tell about it, as `up`, gets one column for both, and ours counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from headway.monitoring.exposition import Reading
from headway.monitoring.series import NAME, STALE, Floats, Labels

Key = tuple[tuple[str, str], ...]  # name and labels of what is known about a target


def known(name: str, /, **labels: str) -> Key:
    return ((NAME, name), *sorted(labels.items()))


@dataclass(slots=True)
class Row:
    labels: list[Labels] = field(default_factory=list)
    _told: list[int] = field(default_factory=list)  # column of the reading -> our column
    _columns: dict[Key, int] = field(default_factory=dict)

    def values(
        self, told: Sequence[Labels], reading: Reading | None, about: Mapping[Key, float]
    ) -> Floats:
        """STALE where neither says anything. `told`: of all columns that a reading ever had."""
        # Also those of a text that broke off in the middle, of which there was no reading.
        for labels in told[len(self._told) :]:
            self._told.append(self._column(_key(labels), labels))
        columns = [self._column(key, dict(key)) for key in about]
        values = np.full(len(self.labels), STALE)
        if reading is not None:
            values[self._told[: len(reading.values)]] = reading.values
        values[columns] = list(about.values())
        return values

    def ended(self) -> Floats:
        """The target is gone."""
        return np.full(len(self.labels), STALE)

    def _column(self, key: Key, labels: Labels) -> int:
        column = self._columns.setdefault(key, len(self.labels))
        if column == len(self.labels):
            self.labels.append(labels)
        return column


def _key(labels: Labels) -> Key:
    """As `known` writes it; a target may call its labels as it likes, also `name`."""
    return ((NAME, labels[NAME]), *sorted(pair for pair in labels.items() if pair[0] != NAME))
