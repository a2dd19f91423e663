"""One target's samples at one time: what it told itself and what is known about it, as one row.

Column `i` is always the series `labels[i]`; columns are only ever added. A label that a target
tells and that we know better is kept as `exported_…`, as Prometheus does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from headway.monitoring.exposition import Reading
from headway.monitoring.series import NAME, STALE, Floats, Labels

Key = tuple[tuple[str, str], ...]  # name and labels of what is known about a target


def known(name: str, **labels: str) -> Key:
    return ((NAME, name), *sorted(labels.items()))


@dataclass(slots=True)
class Row:
    base: Labels
    labels: list[Labels] = field(default_factory=list)
    _told: list[int] = field(default_factory=list)  # column of the reading -> our column
    _known: dict[Key, int] = field(default_factory=dict)

    def values(self, reading: Reading | None, about: Mapping[Key, float]) -> Floats:
        """STALE where neither says anything."""
        if reading is not None:
            self._told += [self._column(labels) for labels in reading.added]
        for key in about:
            if key not in self._known:
                self._known[key] = self._column(dict(key))
        values = np.full(len(self.labels), STALE)
        if reading is not None:
            values[self._told] = reading.values
        for key, value in about.items():
            values[self._known[key]] = value
        return values

    def ended(self) -> Floats:
        """The target is gone."""
        return np.full(len(self.labels), STALE)

    def _column(self, told: Labels) -> int:
        self.labels.append(labelled(told, self.base))
        return len(self.labels) - 1


def labelled(told: Labels, base: Labels) -> Labels:
    labels = dict(base)
    for name, value in told.items():
        where = name
        while where in base:
            where = f"exported_{where}"
        labels[where] = value
    return labels

