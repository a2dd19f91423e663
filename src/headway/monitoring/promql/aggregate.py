"""Aggregations over series: sum, avg, min, max, count, group, stddev, stdvar, quantile, topk, …"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headway.monitoring.promql.errors import QueryError
from headway.monitoring.promql.numbers import written
from headway.monitoring.promql.over_time import quantile
from headway.monitoring.promql.setting import Setting
from headway.monitoring.promql.values import Scalar, Text, Vector, empty, key, stacked, taken
from headway.monitoring.series import NAME, Floats, Labels, Mask, Times


@dataclass(frozen=True, slots=True)
class Grouping:
    """By which labels series are put together: `by` keeps these, `without` drops them."""

    labels: frozenset[str] = frozenset()
    without: bool = False

    def __call__(self, labels: Labels) -> dict[str, str]:
        if self.without:
            return {k: v for k, v in labels.items() if k not in self.labels and k != NAME}
        return {k: v for k, v in labels.items() if k in self.labels}


@dataclass(frozen=True, slots=True)
class Grouped:
    """Which series belong together: group `g` is `labels[g]`, its rows are `members[g]`."""

    labels: Sequence[Labels]
    members: Sequence[Times]  # row indices of each group


def grouped(vector: Vector, grouping: Grouping) -> Grouped:
    rows: dict[tuple[tuple[str, str], ...], list[int]] = {}
    labels: list[Labels] = []
    for row, original in enumerate(vector.labels):
        kept = grouping(original)
        members = rows.setdefault(key(kept), [])
        if not members:
            labels.append(kept)
        members.append(row)
    return Grouped(labels, [np.array(members, dtype=np.int64) for members in rows.values()])


def aggregate(
    name: str, vector: Vector, parameter: Scalar | Text | None, grouping: Grouping, setting: Setting
) -> Vector:
    steps = vector.values.shape[1]
    if not len(vector.labels):
        return empty(steps)
    groups = grouped(vector, grouping)
    match name:
        case "topk" | "bottomk" | "limitk":
            assert isinstance(parameter, Scalar)
            return _selected(name, vector, groups, parameter.values)
        case "count_values":
            assert isinstance(parameter, Text)
            return _counted_values(vector, groups, parameter.text)
        case "quantile":
            assert isinstance(parameter, Scalar)
            return _quantiles(vector, groups, parameter.values, setting)
        case _ if name in REDUCTIONS:
            return _reduced(REDUCTIONS[name], vector, groups)
        case _:
            raise QueryError(f"the aggregation {name} is not supported")


def _reduced(
    reduce: Callable[[Floats, Mask, Times], Floats], vector: Vector, groups: Grouped
) -> Vector:
    """All groups at once: their rows are put next to each other and reduced piece by piece."""
    order = np.concatenate(groups.members)
    sizes = [len(members) for members in groups.members]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    values, present = vector.values[order], vector.present[order]
    there = np.logical_or.reduceat(present, starts, axis=0)
    return Vector(groups.labels, reduce(values, present, starts), there)


def _total(values: Floats, starts: Times) -> Floats:
    return np.asarray(np.add.reduceat(values, starts, axis=0))


def _count(_values: Floats, present: Mask, starts: Times) -> Floats:
    return _total(present.astype(float), starts)


def _sum(values: Floats, present: Mask, starts: Times) -> Floats:
    return _total(np.where(present, values, 0.0), starts)


def _mean(values: Floats, present: Mask, starts: Times) -> Floats:
    known = np.where(present, values, 0.0)
    count = _count(values, present, starts)
    plain = _total(known, starts) / count
    overflown = np.isinf(plain)
    if overflown.any():  # a sum can overflow where the mean does not
        spread = np.repeat(count, np.diff([*starts, len(values)]), axis=0)
        plain = np.where(overflown, _total(known / spread, starts), plain)
    return plain


def _variance(values: Floats, present: Mask, starts: Times) -> Floats:
    sizes = np.diff([*starts, len(values)])
    mean = np.repeat(_mean(values, present, starts), sizes, axis=0)
    off = np.where(present, values - mean, 0.0)
    return _total(off * off, starts) / _count(values, present, starts)


def _deviation(values: Floats, present: Mask, starts: Times) -> Floats:
    return np.asarray(np.sqrt(_variance(values, present, starts)))


def _largest(values: Floats, present: Mask, starts: Times) -> Floats:
    return np.asarray(np.fmax.reduceat(np.where(present, values, np.nan), starts, axis=0))


def _smallest(values: Floats, present: Mask, starts: Times) -> Floats:
    return np.asarray(np.fmin.reduceat(np.where(present, values, np.nan), starts, axis=0))


def _ones(values: Floats, _present: Mask, starts: Times) -> Floats:
    return np.ones((len(starts), values.shape[1]))


REDUCTIONS: Mapping[str, Callable[[Floats, Mask, Times], Floats]] = {
    "sum": _sum,
    "avg": _mean,
    "count": _count,
    "min": _smallest,
    "max": _largest,
    "stddev": _deviation,
    "stdvar": _variance,
    "group": _ones,
}


def _quantiles(vector: Vector, groups: Grouped, shares: Floats, setting: Setting) -> Vector:
    outside = shares[~((shares >= 0) & (shares <= 1))]
    if len(outside):
        setting.note(f"quantile value should be between 0 and 1, got {written(outside[0])}")
    rows = []
    for members in groups.members:
        values, present = vector.values[members], vector.present[members]
        rows.append(_quantile_of(values, present, shares))
    there = [vector.present[members].any(axis=0) for members in groups.members]
    return Vector(groups.labels, np.array(rows), np.array(there))


def _quantile_of(values: Floats, present: Mask, shares: Floats) -> Floats:
    if present.all() and (shares == shares[0]).all():
        return quantile(float(shares[0]), values, len(values))
    result = np.full(len(shares), np.nan)
    for step, share in enumerate(shares):
        there = values[present[:, step], step]
        result[step] = quantile(float(share), there[:, None], len(there))[0] if len(there) else 0
    return result


def _selected(name: str, vector: Vector, groups: Grouped, counts: Floats) -> Vector:
    """Some series of each group, for each point in time anew, under their own labels."""
    if np.isnan(counts).any():
        raise QueryError(f"the number of {name} is NaN")
    wanted = np.clip(np.trunc(counts), 0, len(vector.labels))
    kept = np.zeros_like(vector.present)
    order: list[int] = []
    for unordered in groups.members:
        # Among equals the first by its labels, so that the same data always gives the same answer.
        members = np.array(sorted(unordered, key=lambda row: key(vector.labels[row])))
        present = vector.present[members]
        ranks = _ranks(name, vector.values[members], present)
        kept[members] = present & (ranks < wanted)
        order += [int(members[i]) for i in np.argsort(ranks[:, 0], kind="stable")]
    chosen = Vector(vector.labels, vector.values, kept)
    if len(counts) > 1:  # over a range there is no best one
        order = sorted(order)
    return taken(chosen, [row for row in order if kept[row].any()])


def _ranks(name: str, values: Floats, present: Mask) -> Times:
    """0 for the first to be taken; absent ones come last, NaN just before them."""
    sign = {"topk": -1.0, "bottomk": 1.0, "limitk": 0.0}[name]  # limitk takes whoever is there
    sort_key = np.zeros_like(values) if sign == 0 else sign * values
    unknown = np.isnan(sort_key)
    last = np.where(present, unknown.astype(np.int8), 2)
    order = np.lexsort((np.where(unknown, 0.0, sort_key), last), axis=0)
    return np.asarray(np.argsort(order, axis=0, kind="stable"))


def _counted_values(vector: Vector, groups: Grouped, label: str) -> Vector:
    if not label:
        raise QueryError("count_values needs the name of a label")
    steps = vector.values.shape[1]
    parts = []
    for labels, members in zip(groups.labels, groups.members, strict=True):
        counts: dict[str, Floats] = {}
        for row in members.tolist():
            for step in np.nonzero(vector.present[row])[0].tolist():
                text = written(vector.values[row, step])
                counts.setdefault(text, np.zeros(steps))[step] += 1
        named: list[Labels] = [{**labels, label: text} for text in counts]
        rows = np.array(list(counts.values())).reshape(-1, steps)
        parts.append(Vector(named, rows, rows > 0))
    return stacked(parts, steps)
