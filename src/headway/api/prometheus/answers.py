"""Answers as Prometheus writes them: numbers as texts, times in seconds, series with their points.

Where a series has no value nothing is written; a series without any is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from headway.monitoring.promql.errors import QueryLimitError
from headway.monitoring.promql.numbers import written
from headway.monitoring.promql.values import Ranges, Scalar, Text, Value, Vector
from headway.monitoring.series import Floats, Labels, Times

POINTS_MAX = 2_000_000  # in one answer
Check = Callable[[], None]  # raises when the time is over


def instant(value: Value | Ranges, at_ms: int, check: Check) -> dict[str, Any]:
    at_s = at_ms / 1000
    match value:
        case Scalar():
            return {"resultType": "scalar", "result": [at_s, written(float(value.values[0]))]}
        case Text():
            return {"resultType": "string", "result": [at_s, value.text]}
        case Vector():
            result = [
                {"metric": dict(labels), "value": [at_s, written(float(value.values[row, 0]))]}
                for row, labels in enumerate(value.labels)
                if value.present[row, 0]
            ]
            return {"resultType": "vector", "result": result}
        case Ranges():
            return {"resultType": "matrix", "result": _samples(value, check)}


def over_time(value: Value | Ranges, times_ms: Times, check: Check) -> dict[str, Any]:
    if isinstance(value, Scalar):
        value = Vector([{}], value.values[None, :], np.ones((1, len(times_ms)), dtype=bool))
    assert isinstance(value, Vector), "a range query has refused everything else"
    _limit(int(value.present.sum()))
    result = []
    for row, labels in enumerate(value.labels):
        check()
        there = value.present[row]
        if there.any():
            result.append(_points(labels, times_ms[there], value.values[row, there]))
    result.sort(key=lambda one: sorted(one["metric"].items()))
    return {"resultType": "matrix", "result": result}


def success(
    data: object, infos: Sequence[str] = (), warnings: Sequence[str] = ()
) -> Mapping[str, object]:
    more: dict[str, object] = {}
    if warnings:
        more["warnings"] = list(warnings)
    if infos:
        more["infos"] = list(infos)
    return {"status": "success", "data": data, **more}


def failure(kind: str, error: str) -> Mapping[str, object]:
    return {"status": "error", "errorType": kind, "error": error}


def _samples(ranges: Ranges, check: Check) -> list[dict[str, Any]]:
    windows = [w for w in ranges.windows if w.end[0] > w.first[0]]
    _limit(sum(len(w.labels) * int(w.end[0] - w.first[0]) for w in windows))
    result = []
    for window in windows:
        check()
        seen = slice(int(window.first[0]), int(window.end[0]))
        for row, labels in enumerate(window.labels):
            result.append(_points(labels, window.times_ms[seen], window.values[row, seen]))
    return result


def _points(labels: Labels, times_ms: Times, values: Floats) -> dict[str, Any]:
    pairs = zip((times_ms / 1000).tolist(), values.tolist(), strict=True)
    return {"metric": dict(labels), "values": [[at_s, written(v)] for at_s, v in pairs]}


def _limit(points: int) -> None:
    if points > POINTS_MAX:
        raise QueryLimitError(
            f"the answer would have {points:,} points, {POINTS_MAX:,} is the most; "
            "ask for fewer series, a shorter time or a longer step"
        )
