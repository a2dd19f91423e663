"""Selectors: which series, seen from which points in time, with which samples in view."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import promql_parser as syntax

from headway.monitoring.promql.errors import QueryError
from headway.monitoring.promql.setting import Setting
from headway.monitoring.promql.values import Ranges, Vector, Window, stacked
from headway.monitoring.series import (
    NAME,
    Group,
    Hint,
    Mask,
    Matcher,
    MatchOp,
    Times,
    is_stale,
)

# Their answer depends on how many samples there are, or on what was between them.
OF_EVERY_SAMPLE = frozenset(
    {
        "changes",
        "count_over_time",
        "idelta",
        "irate",
        "mad_over_time",
        "quantile_over_time",
        "stddev_over_time",
        "stdvar_over_time",
        "sum_over_time",
    }
)

OPERATORS = {
    str(syntax.MatchOp.Equal): MatchOp.EQUAL,
    str(syntax.MatchOp.NotEqual): MatchOp.NOT_EQUAL,
    str(syntax.MatchOp.Re): MatchOp.MATCHES,
    str(syntax.MatchOp.NotRe): MatchOp.MATCHES_NOT,
}


def matchers(selector: syntax.VectorSelector) -> list[Matcher]:
    if selector.matchers.or_matchers:
        raise QueryError("`or` between matchers is not supported; write two selectors with `or`")
    found = [Matcher(m.name, OPERATORS[str(m.op)], m.value) for m in selector.matchers.matchers]
    if selector.name is not None:
        if any(m.label == NAME for m in found):
            raise QueryError(f"metric name must not be set twice: {selector.name!r}")
        found.append(Matcher(NAME, MatchOp.EQUAL, selector.name))
    return found


def milliseconds(length: timedelta | None) -> int:
    return 0 if length is None else round(length.total_seconds() * 1000)


def shifted(
    node: syntax.VectorSelector | syntax.SubqueryExpr, at_ms: Times, setting: Setting
) -> Times:
    """The points in time that a selector really looks at: `offset` and `@` applied."""
    offset_ms = milliseconds(node.offset)
    fixed = node.at
    if fixed is None:
        return at_ms - offset_ms
    kind = str(fixed.type).rpartition(".")[2]
    match kind:
        case "Start":
            base_ms = setting.start_ms
        case "End":
            base_ms = setting.end_ms
        case _:
            assert fixed.at is not None, "only @ start() and @ end() name no time"
            base_ms = _absolute_ms(fixed.at)
    return np.full(len(at_ms), base_ms - offset_ms, dtype=np.int64)


def instant(node: syntax.VectorSelector, at_ms: Times, setting: Setting) -> Vector:
    """The newest sample within the lookback, unless the series had ended."""
    times_ms, groups = _in_view(node, at_ms, setting)
    parts = [_latest(group, times_ms, setting) for group in groups]
    return stacked(parts, len(at_ms))


def sampled_at(node: syntax.VectorSelector, at_ms: Times, setting: Setting) -> Vector:
    """Like `instant`, but each value is the time in seconds at which its sample was taken."""
    times_ms, groups = _in_view(node, at_ms, setting)
    parts = []
    for group in groups:
        found = _latest(group, times_ms, setting)
        seconds = group.times_ms[_newest(group, times_ms)] / 1000
        parts.append(
            Vector(found.labels, np.broadcast_to(seconds, found.values.shape), found.present)
        )
    return stacked(parts, len(at_ms))


def _in_view(
    node: syntax.VectorSelector, at_ms: Times, setting: Setting
) -> tuple[Times, list[Group]]:
    """The points that are looked at, and the series with samples that these may see."""
    times_ms = shifted(node, at_ms, setting)
    begin_ms = int(times_ms.min()) - setting.lookback_ms
    groups = _selected(setting, matchers(node), begin_ms, int(times_ms.max()))
    return times_ms, [group for group in groups if len(group.times_ms)]


def ranges(
    node: syntax.MatrixSelector, at_ms: Times, setting: Setting, function: str = ""
) -> Ranges:
    ends_ms = shifted(node.vector_selector, at_ms, setting)
    range_ms = milliseconds(node.range)
    starts_ms = ends_ms - range_ms
    found = matchers(node.vector_selector)
    hint = Hint(function, range_ms)
    groups = _selected(setting, found, int(starts_ms.min()), int(ends_ms.max()), hint)
    _note_thinned(groups, hint, setting)
    windows = [
        window
        for group in groups
        if len(group.times_ms)
        for window in windows_of(group, starts_ms, ends_ms)
    ]
    return Ranges(windows, starts_ms, ends_ms)


def windows_of(group: Group, starts_ms: Times, ends_ms: Times) -> list[Window]:
    """One window for the series without gaps, and one for each series that has some."""
    gone = is_stale(group.values)
    ragged: Mask = np.asarray(gone.any(axis=1))
    whole = np.nonzero(np.logical_not(ragged))[0]
    windows = []
    if len(whole):
        values = group.values if len(whole) == len(ragged) else group.values[whole]
        labels = [group.labels[row] for row in whole.tolist()]
        whole_group = Group(labels, group.times_ms, values, group.resolution_ms)
        windows.append(_window(whole_group, starts_ms, ends_ms))
    for row in np.nonzero(ragged)[0].tolist():
        there = ~gone[row]
        if there.any():
            times_ms, values = group.times_ms[there], group.values[row, there][None, :]
            resolution_ms = np.broadcast_to(group.resolution_ms, there.shape)[there]
            single = Group([group.labels[row]], times_ms, values, resolution_ms)
            windows.append(_window(single, starts_ms, ends_ms))
    return windows


def _window(group: Group, starts_ms: Times, ends_ms: Times) -> Window:
    first = np.searchsorted(group.times_ms, starts_ms, side="right")
    end = np.searchsorted(group.times_ms, ends_ms, side="right")
    return Window(group.labels, group.times_ms, group.values, first, end, group.resolution_ms)


def _selected(
    setting: Setting,
    found: Sequence[Matcher],
    start_ms: int,
    end_ms: int,
    hint: Hint | None = None,
) -> Sequence[Group]:
    groups = setting.source.select(found, start_ms, end_ms, hint)
    setting.meter.use(sum(group.values.size for group in groups))
    return groups


def _note_thinned(groups: Sequence[Group], hint: Hint, setting: Setting) -> None:
    """Say it where an answer is not what all samples would have given."""
    thinned_ms = max((int(np.max(g.resolution_ms, initial=0)) for g in groups), default=0)
    if thinned_ms == 0:
        return
    kept = f"samples of that time are kept each {thinned_ms // 1000} s"
    if hint.range_ms < 2 * thinned_ms:
        setting.note(f"{kept}: a range of {hint.range_ms // 1000} s is too short to see two")
    elif hint.function in OF_EVERY_SAMPLE:
        setting.note(f"{kept}: {hint.function}() sees only those")


def _newest(group: Group, times_ms: Times) -> Times:
    """The index of the newest sample at each time; -1, which is the last one, where none is."""
    return np.asarray(np.searchsorted(group.times_ms, times_ms, side="right") - 1)


def _latest(group: Group, times_ms: Times, setting: Setting) -> Vector:
    setting.meter.use(len(group.labels) * len(times_ms))
    newest = _newest(group, times_ms)
    # A sample that stands for all that were thinned out speaks until the next one can be there.
    resolution_ms = np.broadcast_to(group.resolution_ms, group.times_ms.shape)[newest]
    lookback_ms = np.maximum(setting.lookback_ms, 2 * resolution_ms)
    recent = (newest >= 0) & (group.times_ms[newest] > times_ms - lookback_ms)
    values = group.values[:, newest]
    return Vector(group.labels, values, recent[None, :] & ~is_stale(values))


def _absolute_ms(at: datetime | timedelta | float) -> int:
    if isinstance(at, datetime):
        return round(at.timestamp() * 1000)
    if isinstance(at, timedelta):
        return milliseconds(at)
    return round(float(at) * 1000)
