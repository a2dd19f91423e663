"""Quantiles and fractions of classic histograms (series with the label `le`)."""

from dataclasses import dataclass

import numpy as np

from headway.monitoring.promql.setting import Setting
from headway.monitoring.promql.values import Vector, distinct, empty, key, without
from headway.monitoring.series import NAME, Floats, Labels, Mask

BOUND = "le"


@dataclass(frozen=True, slots=True)
class Histogram:
    labels: Labels
    bounds: Floats  # ascending upper bounds
    counts: Floats  # [bucket, step], cumulative as they were told
    present: Mask


def histograms(vector: Vector, setting: Setting) -> list[Histogram]:
    grouped: dict[tuple[tuple[str, str], ...], dict[float, list[int]]] = {}
    for row, labels in enumerate(vector.labels):
        try:
            bound = float(labels[BOUND])
        except (KeyError, ValueError):
            told = labels.get(BOUND, "")
            setting.note(f"bucket label {BOUND!r} is missing or has a malformed value of {told!r}")
            continue
        rest = key(without(labels, BOUND, NAME))
        grouped.setdefault(rest, {}).setdefault(bound, []).append(row)
    return [_histogram(dict(rest), buckets, vector) for rest, buckets in grouped.items()]


def _histogram(labels: Labels, buckets: dict[float, list[int]], vector: Vector) -> Histogram:
    """Buckets of equal bounds (`0.1` and `0.10`) are one."""
    bounds = np.array(sorted(buckets))
    known = np.where(vector.present, vector.values, 0.0)
    counts = np.array([known[buckets[bound]].sum(axis=0) for bound in bounds])
    present = np.array([vector.present[buckets[bound]].any(axis=0) for bound in bounds])
    return Histogram(labels, bounds, counts, present)


def quantiles(shares: Floats, vector: Vector, setting: Setting) -> Vector:
    found = histograms(vector, setting)
    steps = vector.values.shape[1]
    if not found:
        return empty(steps)
    values = np.array([_quantile(shares, h, setting) for h in found])
    present = np.array([h.present.any(axis=0) for h in found])
    return distinct(Vector([h.labels for h in found], values, present))


def fractions(lower: Floats, upper: Floats, vector: Vector, setting: Setting) -> Vector:
    found = histograms(vector, setting)
    steps = vector.values.shape[1]
    if not found:
        return empty(steps)
    values = np.array([_fraction(lower, upper, h) for h in found])
    present = np.array([h.present.any(axis=0) for h in found])
    return distinct(Vector([h.labels for h in found], values, present))


def _quantile(shares: Floats, histogram: Histogram, setting: Setting) -> Floats:
    if histogram.present.all():
        inside = _quantile_of_all(shares, histogram.bounds, histogram.counts, setting)
    else:  # buckets come and go: every point in time has its own
        inside = np.full(len(shares), np.nan)
        for step in range(len(shares)):
            there = histogram.present[:, step]
            counts = histogram.counts[there, step : step + 1]
            bounds = histogram.bounds[there]
            inside[step] = _quantile_of_all(shares[step : step + 1], bounds, counts, setting)[0]
    below = np.where(shares < 0, -np.inf, inside)
    return np.where(shares > 1, np.inf, below)


def _quantile_of_all(shares: Floats, bounds: Floats, counts: Floats, setting: Setting) -> Floats:
    """Linear within the bucket that holds the rank; the lowest begins at 0 if its bound is > 0."""
    steps = len(shares)
    if len(bounds) < 2 or not np.isposinf(bounds[-1]):
        return np.full(steps, np.nan)
    rising = np.maximum.accumulate(counts, axis=0)
    if not np.array_equal(rising, counts, equal_nan=True):
        setting.note("input to histogram_quantile needed to be fixed for monotonicity")
    total = rising[-1]
    rank = shares * total
    bucket = (rising[:-1] < rank).sum(axis=0)
    beyond = bucket >= len(bounds) - 1
    bucket = np.minimum(bucket, len(bounds) - 2)
    column = np.arange(steps)
    first = bucket == 0
    begin = np.where(first, 0.0, bounds[np.maximum(bucket - 1, 0)])
    before = np.where(first, 0.0, rising[np.maximum(bucket - 1, 0), column])
    inside = rising[bucket, column] - before
    value = begin + (bounds[bucket] - begin) * ((rank - before) / inside)
    value = np.where(first & (bounds[0] <= 0), bounds[0], value)
    value = np.where(beyond, bounds[-2], value)
    return np.where((total == 0) | np.isnan(total) | np.isnan(shares), np.nan, value)


def _fraction(lower: Floats, upper: Floats, histogram: Histogram) -> Floats:
    result = np.full(len(lower), np.nan)
    for step in range(len(lower)):
        there = histogram.present[:, step]
        bounds = histogram.bounds[there]
        counts = np.maximum.accumulate(histogram.counts[there, step])
        low, high = float(lower[step]), float(upper[step])
        unusable = not len(bounds) or not np.isposinf(bounds[-1]) or counts[-1] == 0
        if unusable or np.isnan(low) or np.isnan(high):
            continue
        if low >= high:
            result[step] = 0.0
            continue
        below = _rank(high, bounds, counts) - _rank(low, bounds, counts)
        result[step] = below / counts[-1]
    return result


def _rank(value: float, bounds: Floats, counts: Floats) -> float:
    """How many observations lie at or below the value, by interpolation."""
    if np.isneginf(value):
        return 0.0
    if np.isposinf(value):
        return float(counts[-1])
    bucket = int(np.searchsorted(bounds, value))
    begin = float(bounds[bucket - 1]) if bucket else 0.0
    before = float(counts[bucket - 1]) if bucket else 0.0
    if bucket == 0 and bounds[0] <= 0:
        return float(counts[0]) if value >= bounds[0] else 0.0
    if np.isposinf(bounds[bucket]):
        return before
    if bucket == 0 and value <= 0:
        return 0.0
    share = (value - begin) / (float(bounds[bucket]) - begin)
    return before + (float(counts[bucket]) - before) * share
