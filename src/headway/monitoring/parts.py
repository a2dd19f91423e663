"""Samples of one target in one stretch of time, and several such parts as one.

A target is one thing that is fetched; its base labels (job, instance, service, …) are its identity.
All its series share their points in time, so a part is one matrix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from headway.monitoring.series import NAME, STALE, Floats, Group, Labels, Mask, Times, is_stale

Key: TypeAlias = str

COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")
TAKEN_PREFIX = "exported_"  # what Prometheus puts before a label that the target may not set


@dataclass(frozen=True, slots=True)
class Series:
    told: Labels  # without the target's base labels
    key: Key  # equal for equal labels, within a target
    counter: bool

    @property
    def name(self) -> str:
        return self.told[NAME]


@dataclass(frozen=True, slots=True)
class Part:
    """`values[k, n]` of `series[k]` at `times_ms[n]`."""

    base: Labels
    series: Sequence[Series]
    times_ms: Times  # strictly ascending
    values: Floats
    resolution_ms: int | Times = 0
    # Of a thinned part: "min", "max", "mean" and "count" of its gauges in each bucket.
    buckets: "Mapping[str, Part]" = field(default_factory=dict)

    def group(self) -> Group:
        labels = [{**self.base, **series.told} for series in self.series]
        return Group(labels, self.times_ms, self.values, self.resolution_ms)


def key_of(labels: Labels) -> Key:
    return repr(sorted(labels.items()))


def series_of(base: Labels, told: Labels, counters: frozenset[str] | set[str]) -> Series:
    """A label that the target's identity has already is never believed: it gets another name."""
    if not base.keys().isdisjoint(told):
        other = {name: value for name, value in told.items() if base.get(name) != value}
        told = {(TAKEN_PREFIX + name if name in base else name): v for name, v in other.items()}
    name = told[NAME]
    return Series(told, key_of(told), name in counters or name.endswith(COUNTER_SUFFIXES))


def between(part: Part, start_ms: int, end_ms: int) -> Part:
    """What lies from start to end, both in; buckets are left out."""
    first, end = np.searchsorted(part.times_ms, [start_ms, end_ms + 1])
    if first == 0 and end == len(part.times_ms):
        return part
    resolution = part.resolution_ms
    return Part(
        part.base,
        part.series,
        part.times_ms[first:end],
        part.values[:, first:end],
        resolution if isinstance(resolution, int) else resolution[first:end],
    )


def united(parts: Sequence[Part]) -> Part:
    """Parts of one target as one: rows of all, STALE where one is absent, each time once.

    Where two parts tell of the same series at the same time, the first one counts.
    """
    if len(parts) == 1:
        return parts[0]
    times = np.concatenate([part.times_ms for part in parts])
    resolutions = _resolutions(parts)
    keys = [series.key for series in parts[0].series]
    ascending = bool((times[1:] > times[:-1]).all())
    if ascending and all([s.key for s in part.series] == keys for part in parts[1:]):
        values = np.concatenate([part.values for part in parts], axis=1)
        series: Sequence[Series] = parts[0].series
    else:
        times, first = np.unique(times, return_index=True)
        if not isinstance(resolutions, int):
            resolutions = resolutions[first]
        series, values = _overlaid(parts, times)
    return Part(parts[0].base, series, times, values, resolutions, _united_buckets(parts))


def _united_buckets(parts: Sequence[Part]) -> dict[str, Part]:
    kinds = {kind: None for part in parts for kind in part.buckets}
    return {kind: united([p.buckets[kind] for p in parts if kind in p.buckets]) for kind in kinds}


def _resolutions(parts: Sequence[Part]) -> int | Times:
    first = parts[0].resolution_ms
    if isinstance(first, int) and all(_is(part.resolution_ms, first) for part in parts):
        return first
    return np.concatenate([np.broadcast_to(p.resolution_ms, p.times_ms.shape) for p in parts])


def _is(resolution: int | Times, wanted: int) -> bool:
    return isinstance(resolution, int) and resolution == wanted


def _overlaid(parts: Sequence[Part], times: Times) -> tuple[list[Series], Floats]:
    row_of: dict[Key, int] = {}
    series: list[Series] = []
    for part in parts:
        for one in part.series:
            if row_of.setdefault(one.key, len(series)) == len(series):
                series.append(one)
    values = np.full((len(series), len(times)), STALE)
    for part in reversed(parts):
        rows = np.array([row_of[one.key] for one in part.series], dtype=np.int64)
        place = np.ix_(rows, np.searchsorted(times, part.times_ms))
        values[place] = np.where(is_stale(part.values), values[place], part.values)
    return series, values


def counters_of(series: Sequence[Series]) -> Mask:
    return np.fromiter((one.counter for one in series), dtype=bool, count=len(series))
