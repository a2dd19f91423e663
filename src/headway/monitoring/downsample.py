"""Old samples become few without becoming wrong: they are selected, never computed.

Of each bucket of time the last sample stays. So does, at its own time, whatever a later `increase`
must not miss: both sides of each counter's reset, the last sample before a series ends, the first
after it begins. Between any two samples that stay, a counter has therefore grown by exactly what it
had grown by before; no correction is ever needed, also where two levels meet. All series of a
target are sampled together, so a restart costs two columns, not two per series.

A gauge has also been elsewhere meanwhile: its least, its greatest and its mean value in each bucket
are kept beside the samples, for the functions that ask for them.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from headway.monitoring.parts import Part, Series, counters_of
from headway.monitoring.series import STALE, Floats, Hint, Mask, Times, is_stale

KIND_OF: Final[Mapping[str, str]] = {
    "min_over_time": "min",
    "max_over_time": "max",
    "avg_over_time": "mean",
}


def thinned(part: Part, resolution_ms: int) -> Part:
    """The same at a coarser resolution; `part` may be thinned already, but less."""
    if not len(part.times_ms):
        return part
    counters = counters_of(part.series)
    columns = np.flatnonzero(kept(part.times_ms, part.values, counters, resolution_ms))
    return Part(
        part.base,
        part.series,
        part.times_ms[columns],
        part.values[:, columns],
        resolution_ms,
        _coarser(part.buckets, resolution_ms)
        if part.buckets
        else bucketed(_gauges(part, ~counters), resolution_ms),
    )


def kept(times_ms: Times, values: Floats, counters: Mask, resolution_ms: int) -> Mask:
    """Which columns stay."""
    keep = np.ones(len(times_ms), dtype=bool)
    buckets = times_ms // resolution_ms
    gone = is_stale(values)
    counted = values[counters]
    with np.errstate(invalid="ignore"):  # a counter may be NaN
        turned = (counted[:, 1:] < counted[:, :-1]).any(axis=0)
    turned |= (gone[:, 1:] != gone[:, :-1]).any(axis=0)
    # The first column of a part stays: its neighbour is in another part, nobody can compare them.
    keep[1:-1] = (buckets[1:-1] != buckets[2:]) | turned[:-1] | turned[1:]
    if len(keep) > 1:
        keep[0] = keep[-1] = True
    return keep


def bucketed(gauges: Part, resolution_ms: int) -> dict[str, Part]:
    """What gauges were between their last samples, one column per bucket."""
    if not gauges.series:
        return {}
    starts, ends = _edges(gauges.times_ms, resolution_ms)
    there = ~is_stale(gauges.values)
    some = np.where(there, gauges.values, np.nan)
    count = np.add.reduceat(there.astype(np.float64), starts, axis=1)
    total = np.add.reduceat(np.where(there, gauges.values, 0.0), starts, axis=1)
    return _parts(
        gauges,
        gauges.times_ms[ends],
        resolution_ms,
        np.fmin.reduceat(some, starts, axis=1),
        np.fmax.reduceat(some, starts, axis=1),
        total,
        count,
    )


def wanted(part: Part, hint: Hint | None) -> Part:
    """What answers a function best: of thinned gauges the prepared figures, if there are some."""
    kind = KIND_OF.get(hint.function) if hint is not None else None
    return part.buckets.get(kind, part) if kind is not None else part


def alike(parts: Sequence[Part], hint: Hint | None) -> Sequence[Part]:
    """Where levels meet within what one window may see, all gauges as coarse as the coarsest.

    Otherwise a mean would count the finer part once for every sample that it has more.
    """
    coarsest_ms = max((int(np.max(p.resolution_ms)) for p in parts if len(p.times_ms)), default=0)
    kind = KIND_OF.get(hint.function) if hint is not None else None
    if hint is None or kind is None or coarsest_ms == 0 or hint.range_ms < 2 * coarsest_ms:
        return parts
    return [_as_coarse(part, coarsest_ms, kind) for part in parts]


def _as_coarse(part: Part, resolution_ms: int, kind: str) -> Part:
    counters = counters_of(part.series)
    finer = int(np.max(part.resolution_ms, initial=0)) < resolution_ms
    if not finer or counters.any() or not len(part.times_ms):
        return part
    return bucketed(part, resolution_ms).get(kind, part)


def _coarser(buckets: Mapping[str, Part], resolution_ms: int) -> dict[str, Part]:
    least, most, mean, count = (buckets[kind] for kind in ("min", "max", "mean", "count"))
    starts, ends = _edges(least.times_ms, resolution_ms)
    there = ~is_stale(count.values)
    many = np.where(there, count.values, 0.0)
    return _parts(
        least,
        least.times_ms[ends],
        resolution_ms,
        np.fmin.reduceat(np.where(there, least.values, np.nan), starts, axis=1),
        np.fmax.reduceat(np.where(there, most.values, np.nan), starts, axis=1),
        np.add.reduceat(np.where(there, mean.values, 0.0) * many, starts, axis=1),
        np.add.reduceat(many, starts, axis=1),
    )


def _parts(
    origin: Part,
    times_ms: Times,
    resolution_ms: int,
    least: Floats,
    most: Floats,
    total: Floats,
    count: Floats,
) -> dict[str, Part]:
    none = count == 0
    with np.errstate(invalid="ignore", over="ignore"):
        mean = _short(total / np.where(none, 1.0, count))
    figures = {"min": least, "max": most, "mean": mean, "count": count}
    return {
        kind: Part(
            origin.base, origin.series, times_ms, np.where(none, STALE, values), resolution_ms
        )
        for kind, values in figures.items()
    }


def _short(values: Floats) -> Floats:
    """Seven digits of a mean are enough, and cost half; what does not fit into them stays whole."""
    short = values.astype(np.float32).astype(np.float64)
    return np.where(np.isfinite(short) & (np.abs(values) > 1e-30), short, values)


def _edges(times_ms: Times, resolution_ms: int) -> tuple[Times, Times]:
    """The first and the last index of each bucket."""
    buckets = times_ms // resolution_ms
    turns = np.flatnonzero(buckets[1:] != buckets[:-1])
    return np.concatenate([[0], turns + 1]), np.append(turns, len(times_ms) - 1)


def _gauges(part: Part, rows: Mask) -> Part:
    series: list[Series] = [part.series[row] for row in np.flatnonzero(rows).tolist()]
    return Part(part.base, series, part.times_ms, part.values[rows])
