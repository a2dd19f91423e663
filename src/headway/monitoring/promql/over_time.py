"""Functions of the samples in a window: `…_over_time`, changes, resets, trends.

Each takes a window and gives values and presence for every series and point in time. The samples
of all points are laid end to end (`Laid`), a bounded number at once, so that numpy sums them at
one go.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from headway.monitoring.promql.errors import QueryError
from headway.monitoring.promql.values import Ranges, Window
from headway.monitoring.series import Floats, Mask, Times

CELLS_AT_ONCE = 4_000_000

Answer: TypeAlias = tuple[Floats, Mask]


@dataclass(frozen=True, slots=True)
class Laid:
    """The samples of some points in time, one after the other."""

    points: Times  # which points in time
    starts: Times  # where each begins
    sizes: Times
    values: Floats  # [series, sample]
    times_ms: Times  # [sample]

    def total(self, values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def spread(self, per_point: Floats) -> Floats:
        """One value per point as one per sample."""
        return np.repeat(per_point, self.sizes, axis=-1)


def laid(window: Window, least: int = 1) -> Iterator[Laid]:
    sizes = window.end - window.first
    points = np.nonzero(sizes >= least)[0]
    room = max(1, CELLS_AT_ONCE // max(1, len(window.labels)))
    begin = 0
    filled = np.cumsum(sizes[points])
    while begin < len(points):
        used = filled[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(filled, used + room, side="right")))
        chosen = points[begin:end]
        many = sizes[chosen]
        starts = np.concatenate([[0], np.cumsum(many)[:-1]])
        index = np.arange(int(many.sum())) - np.repeat(starts - window.first[chosen], many)
        yield Laid(chosen, starts, many, window.values[:, index], window.times_ms[index])
        begin = end


def by_laying(
    compute: Callable[[Laid, Times], Floats], least: int = 1
) -> Callable[[Window, Ranges], Answer]:
    """A function of laid samples and the points' ends."""

    def answer(window: Window, ranges: Ranges) -> Answer:
        result = np.full((len(window.labels), len(window.first)), np.nan)
        for part in laid(window, least):
            result[:, part.points] = compute(part, ranges.ends_ms[part.points])
        return result, (window.end - window.first) >= least

    return answer


def by_picking(
    pick: Callable[[Window, Times, Times], Floats],
) -> Callable[[Window, Ranges], Answer]:
    """A function of the first index and the end of each window alone."""

    def answer(window: Window, _ranges: Ranges) -> Answer:
        there = window.end > window.first
        result = np.full((len(window.labels), len(window.first)), np.nan)
        if there.any():
            result[:, there] = pick(window, window.first[there], window.end[there])
        return result, there

    return answer


def _sum(part: Laid, _ends: Times) -> Floats:
    return part.total(part.values)


def _mean(part: Laid) -> Floats:
    plain = part.total(part.values) / part.sizes
    overflown = np.isinf(plain)
    if overflown.any():  # a sum can overflow where the mean does not
        careful = part.total(part.values / part.spread(part.sizes.astype(float)))
        plain = np.where(overflown, careful, plain)
    return plain


def _avg(part: Laid, _ends: Times) -> Floats:
    return _mean(part)


def _variance(part: Laid, _ends: Times) -> Floats:
    off = part.values - part.spread(_mean(part))
    return part.total(off * off) / part.sizes


def _deviation(part: Laid, ends: Times) -> Floats:
    return np.asarray(np.sqrt(_variance(part, ends)))


def _largest(part: Laid, _ends: Times) -> Floats:
    return np.asarray(np.fmax.reduceat(part.values, part.starts, axis=1))


def _smallest(part: Laid, _ends: Times) -> Floats:
    return np.asarray(np.fmin.reduceat(part.values, part.starts, axis=1))


def _line(part: Laid, zero_ms: Times) -> tuple[Floats, Floats]:
    """Slope per second and height at `zero_ms` of the line of least squares."""
    x = (part.times_ms - np.repeat(zero_ms, part.sizes)) / 1000
    n = part.sizes
    sum_x, sum_y = part.total(x), part.total(part.values)
    covariance = part.total(x * part.values) - sum_x * sum_y / n
    variance = part.total(x * x) - sum_x * sum_x / n
    slope = covariance / variance
    height = sum_y / n - slope * sum_x / n
    first = part.values[:, part.starts]
    level = (np.fmin.reduceat(part.values, part.starts, axis=1) == first) & (
        np.fmax.reduceat(part.values, part.starts, axis=1) == first
    )
    flat = np.where(np.isfinite(first), 0.0, np.nan)
    return np.where(level, flat, slope), np.where(level, first + flat, height)


def _deriv(part: Laid, _ends: Times) -> Floats:
    return _line(part, part.times_ms[part.starts])[0]


def predicted(seconds: Floats) -> Callable[[Window, Ranges], Answer]:
    def at_end(part: Laid, ends: Times) -> Floats:
        slope, height = _line(part, ends)
        return height + slope * seconds[part.points]

    return by_laying(at_end, least=2)


def _counted(is_event: Callable[[Floats, Floats], Mask]) -> Callable[[Window, Ranges], Answer]:
    def count(window: Window, first: Times, end: Times) -> Floats:
        values = window.values
        events = np.cumsum(is_event(values[:, :-1], values[:, 1:]), axis=1)
        before = np.concatenate([np.zeros((len(values), 1)), events], axis=1)
        return np.asarray(before[:, end - 1] - before[:, first])

    return by_picking(count)


def _changed(before: Floats, after: Floats) -> Mask:
    return np.asarray((before != after) & ~(np.isnan(before) & np.isnan(after)))


def _fell(before: Floats, after: Floats) -> Mask:
    return np.asarray(after < before)


def _one_row(values: Floats, window: Window) -> Floats:
    return np.broadcast_to(values, (len(window.labels), len(values)))


def quantiles(shares: Floats) -> Callable[[Window, Ranges], Answer]:
    def answer(window: Window, _ranges: Ranges) -> Answer:
        return _each_window(
            window, lambda values, point: quantile(shares[point], values.T, values.shape[1])
        )

    return answer


def _mad(window: Window, _ranges: Ranges) -> Answer:
    def absolute_deviation(values: Floats, _point: int) -> Floats:
        size = values.shape[1]
        middle = quantile(0.5, values.T, size)
        return quantile(0.5, np.abs(values - middle[:, None]).T, size)

    return _each_window(window, absolute_deviation)


def smoothed(level: Floats, trend: Floats) -> Callable[[Window, Ranges], Answer]:
    """Holt's linear method."""
    for factor, name in ((level, "smoothing"), (trend, "trend")):
        if not ((factor > 0) & (factor < 1)).all():
            raise QueryError(f"invalid {name} factor: expected 0 < factor < 1")

    def holt(values: Floats, point: int) -> Floats:
        sf, tf = level[point], trend[point]
        before, now, slope = np.zeros(len(values)), values[:, 0], values[:, 1] - values[:, 0]
        for index in range(1, values.shape[1]):
            if index > 1:
                slope = tf * (now - before) + (1 - tf) * slope
            before, now = now, sf * values[:, index] + (1 - sf) * (now + slope)
        return now

    return lambda window, _ranges: _each_window(window, holt, least=2)


def quantile(share: float, values: Floats, size: int) -> Floats:
    """Along axis 0, with linear interpolation; NaN counts as the smallest value."""
    columns = values.shape[1]
    if size == 0 or np.isnan(share):
        return np.full(columns, np.nan)
    if share < 0 or share > 1:
        return np.full(columns, -np.inf if share < 0 else np.inf)
    # numpy sorts NaN last; rolled by their number they come first.
    ordered = np.sort(values, axis=0)
    nans = np.isnan(ordered).sum(axis=0)
    rank = share * (size - 1)
    lower = int(rank)
    upper = min(lower + 1, size - 1)
    weight = rank - lower
    column = np.arange(columns)
    low = ordered[(lower - nans) % size, column]
    high = ordered[(upper - nans) % size, column]
    return np.asarray(low * (1 - weight) + high * weight)


def _each_window(
    window: Window, compute: Callable[[Floats, int], Floats], least: int = 1
) -> Answer:
    there = (window.end - window.first) >= least
    result = np.full((len(window.labels), len(window.first)), np.nan)
    for point in np.nonzero(there)[0].tolist():
        samples = window.values[:, window.first[point] : window.end[point]]
        result[:, point] = compute(samples, int(point))
    return result, there


SIMPLE: dict[str, Callable[[Window, Ranges], Answer]] = {
    "sum_over_time": by_laying(_sum),
    "avg_over_time": by_laying(_avg),
    "stdvar_over_time": by_laying(_variance),
    "stddev_over_time": by_laying(_deviation),
    "max_over_time": by_laying(_largest),
    "min_over_time": by_laying(_smallest),
    "deriv": by_laying(_deriv, least=2),
    "mad_over_time": _mad,
    "changes": _counted(_changed),
    "resets": _counted(_fell),
    "count_over_time": by_picking(
        lambda window, first, end: _one_row((end - first).astype(float), window)
    ),
    "present_over_time": by_picking(lambda window, first, _: _one_row(np.ones(len(first)), window)),
    "last_over_time": by_picking(lambda window, _, end: window.values[:, end - 1]),
    "first_over_time": by_picking(lambda window, first, _: window.values[:, first]),
}
KEEP_NAME = frozenset({"last_over_time", "first_over_time"})
