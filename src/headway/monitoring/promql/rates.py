"""How fast something changes: rate, increase, delta and their instant forms.

Prometheus's extrapolation: a window's samples seldom reach its edges, so the change is stretched
to them, but by no more than half an average interval when the next sample is far, and never below
the point where a counter would have been zero (promql/functions.go, `extrapolatedRate`).
"""

import numpy as np

from headway.monitoring.promql.values import Ranges, Window
from headway.monitoring.series import Floats, Mask, Times

NEAR = 1.1  # an edge within this many average intervals is reached


def extrapolated(
    window: Window, ranges: Ranges, *, counter: bool, per_second: bool
) -> tuple[Floats, Mask]:
    answered = (window.end - window.first) >= 2
    result = np.full((len(window.labels), len(window.first)), np.nan)
    if not answered.any():
        return result, answered
    first, last = window.first[answered], window.end[answered] - 1
    begin = window.values[:, first]
    change = window.values[:, last] - begin
    if counter:
        change = change + _lost_at_resets(window, first, last)
    times_ms = window.times_ms
    sampled_s = (times_ms[last] - times_ms[first]) / 1000
    average_s = sampled_s / (last - first)
    before_s = (times_ms[first] - ranges.starts_ms[answered]) / 1000
    after_s = (ranges.ends_ms[answered] - times_ms[last]) / 1000
    resolution_s = np.broadcast_to(window.resolution_ms, times_ms.shape) / 1000
    before_s = _reached(before_s, average_s, resolution_s[first])
    after_s = _reached(after_s, average_s, resolution_s[last])
    if counter:
        # A counter that grows began at zero at the latest this long before its first sample.
        grows = (change > 0) & (begin >= 0)
        since_zero_s = sampled_s * (begin / np.where(change == 0, 1, change))
        before_s = np.where(grows, np.minimum(before_s, since_zero_s), before_s)
    factor = (sampled_s + before_s + after_s) / sampled_s
    if per_second:
        factor = factor / ranges.seconds
    result[:, answered] = change * factor
    return result, answered


def _reached(edge_s: Floats, average_s: Floats, resolution_s: Floats) -> Floats:
    """How far to stretch. Where samples were thinned out, the next one is as far as they are."""
    return np.where(edge_s >= np.maximum(average_s, resolution_s) * NEAR, average_s / 2, edge_s)


def between_last_two(
    window: Window, _ranges: Ranges, *, counter: bool, per_second: bool
) -> tuple[Floats, Mask]:
    answered = (window.end - window.first) >= 2
    result = np.full((len(window.labels), len(window.first)), np.nan)
    last = window.end[answered] - 1
    now, before = window.values[:, last], window.values[:, last - 1]
    change = now - before
    if counter:
        change = np.where(now < before, now, change)
    if per_second:
        change = change / ((window.times_ms[last] - window.times_ms[last - 1]) / 1000)
    result[:, answered] = change
    return result, answered


def _lost_at_resets(window: Window, first: Times, last: Times) -> Floats:
    """What a counter had counted before each restart within the window."""
    values = window.values
    lost = np.zeros((len(values), len(first)))
    fell = values[:, 1:] < values[:, :-1]
    for row in np.nonzero(fell.any(axis=1))[0]:
        before = np.where(fell[row], values[row, :-1], 0.0)
        if np.isfinite(before).all():
            total = np.concatenate([[0.0], np.cumsum(before)])
            lost[row] = total[last] - total[first]
        else:  # infinity less infinity is no difference
            lost[row] = [before[a:b].sum() for a, b in zip(first, last, strict=True)]
    return lost
