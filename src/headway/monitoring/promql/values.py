"""What an expression is worth, at all points in time of a query at once.

`present` says where a series has a value; NaN is a value like any other, never "absent".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from headway.monitoring.promql.errors import QueryError
from headway.monitoring.series import NAME, Floats, Labels, Mask, Times


@dataclass(frozen=True, slots=True)
class Vector:
    """Series: `values[k, t]` of `labels[k]`, which counts only where `present[k, t]`."""

    labels: Sequence[Labels]
    values: Floats
    present: Mask


@dataclass(frozen=True, slots=True)
class Scalar:
    values: Floats  # one per point in time


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Window:
    """Samples of series with common times, and which of them each point in time looks back on.

    Point `t` sees `values[:, first[t]:end[t]]`, the samples in `(starts_ms[t], ends_ms[t]]`.
    """

    labels: Sequence[Labels]
    times_ms: Times
    values: Floats
    first: Times
    end: Times
    resolution_ms: int | Times = 0  # as in `Group`


@dataclass(frozen=True, slots=True)
class Ranges:
    """A range vector."""

    windows: Sequence[Window]
    starts_ms: Times
    ends_ms: Times

    @property
    def seconds(self) -> float:
        return float(self.ends_ms[0] - self.starts_ms[0]) / 1000 if len(self.ends_ms) else 0.0


Value: TypeAlias = Vector | Scalar | Text


def empty(steps: int) -> Vector:
    return Vector((), np.zeros((0, steps)), np.zeros((0, steps), dtype=bool))


def key(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def without(labels: Labels, *names: str) -> dict[str, str]:
    return {k: v for k, v in labels.items() if k not in names}


def nameless(all_labels: Iterable[Labels]) -> list[Labels]:
    """What a computed value is called: like its origin, but it is not that metric any more."""
    return [without(labels, NAME) for labels in all_labels]


def stacked(parts: Sequence[Vector], steps: int) -> Vector:
    """Several vectors as one, without the series that never have a value."""
    kept = [part for part in parts if len(part.labels)]
    if not kept:
        return empty(steps)
    labels = [labels for part in kept for labels in part.labels]
    values = np.concatenate([part.values for part in kept])
    present = np.concatenate([part.present for part in kept])
    return trimmed(Vector(labels, values, present))


def trimmed(vector: Vector) -> Vector:
    """Without the series that never have a value."""
    some = vector.present.any(axis=1)
    if some.all():
        return vector
    rows = np.nonzero(some)[0]
    return taken(vector, rows)


def taken(vector: Vector, rows: Iterable[int]) -> Vector:
    chosen = np.fromiter(rows, dtype=np.int64)
    labels = [vector.labels[row] for row in chosen]
    return Vector(labels, vector.values[chosen], vector.present[chosen])


def distinct(vector: Vector) -> Vector:
    """Series of equal labels become one, if no two of them have a value at the same time."""
    rows_by_key: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for row, labels in enumerate(vector.labels):
        rows_by_key.setdefault(key(labels), []).append(row)
    if len(rows_by_key) == len(vector.labels):
        return vector
    values, present = [], []
    for rows in rows_by_key.values():
        there = vector.present[rows]
        if (there.sum(axis=0) > 1).any():
            raise QueryError("vector cannot contain metrics with the same labelset")
        columns = np.arange(there.shape[1])
        values.append(vector.values[rows][there.argmax(axis=0), columns])
        present.append(there.any(axis=0))
    merged = [dict(k) for k in rows_by_key]
    return Vector(merged, np.array(values), np.array(present))
