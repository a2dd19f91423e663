"""PromQL: from a text and a source of samples to the answer.

`query` is the way in: at one point in time, or at many with the same step. All of Prometheus 3's
stable language but native histograms; its experimental functions only where noted here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import promql_parser as syntax

from headway.monitoring.matching import PatternError
from headway.monitoring.promql import (
    aggregate,
    binary,
    calendar,
    functions,
    histograms,
    labelling,
    over_time,
    rates,
    selectors,
)
from headway.monitoring.promql.errors import ParseError, QueryError, QueryLimitError
from headway.monitoring.promql.setting import Setting
from headway.monitoring.promql.values import (
    Ranges,
    Scalar,
    Text,
    Value,
    Vector,
    Window,
    distinct,
    nameless,
    stacked,
)
from headway.monitoring.series import Floats, Group, Mask, Times

QUERY_CHARS_MAX = 65_536
STEPS_MAX = 11_000  # as in Prometheus: more points than a plot can show
DEPTH_MAX = 100

RATES: Mapping[str, Callable[[Window, Ranges], tuple[Floats, Mask]]] = {
    "rate": partial(rates.extrapolated, counter=True, per_second=True),
    "increase": partial(rates.extrapolated, counter=True, per_second=False),
    "delta": partial(rates.extrapolated, counter=False, per_second=False),
    "irate": partial(rates.between_last_two, counter=True, per_second=True),
    "idelta": partial(rates.between_last_two, counter=False, per_second=False),
}
COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


def parse(text: str) -> syntax.Expr:
    if len(text) > QUERY_CHARS_MAX:
        raise ParseError(f"a query may have {QUERY_CHARS_MAX} characters, this has {len(text)}")
    if _depth(text) > DEPTH_MAX:
        raise ParseError(f"a query may be nested {DEPTH_MAX} deep")
    try:
        return syntax.parse(text)
    except ValueError as error:
        raise ParseError(str(error)) from error


def query(text: str, setting: Setting, *, step_ms: int = 0) -> Value | Ranges:
    """At `setting.start_ms`, or from there to `setting.end_ms` each `step_ms`."""
    node = parse(text)
    if step_ms <= 0:
        at_ms = np.array([setting.start_ms], dtype=np.int64)
        if _is_range(node):
            return ranges(node, at_ms, setting)
        return evaluate(node, at_ms, setting)
    count = (setting.end_ms - setting.start_ms) // step_ms + 1
    if count > STEPS_MAX:
        raise QueryLimitError(
            f"exceeded maximum resolution of {STEPS_MAX:,} points per series: "
            "ask for a shorter time or a longer step"
        )
    if _is_range(node):
        raise QueryError("a range query needs an instant vector or a scalar, this is a range")
    at_ms = np.arange(setting.start_ms, setting.end_ms + 1, step_ms, dtype=np.int64)
    value = evaluate(node, at_ms, setting)
    if isinstance(value, Text):
        raise QueryError("a range query needs an instant vector or a scalar, this is a text")
    return value


def evaluate(node: syntax.Expr, at_ms: Times, setting: Setting) -> Value:
    """What an expression is worth at each of these points in time."""
    setting.meter.check()
    with np.errstate(all="ignore"):
        try:
            return _evaluate(node, at_ms, setting)
        except PatternError as error:
            raise QueryError(f"invalid regular expression: {error}") from error


def _evaluate(node: syntax.Expr, at_ms: Times, setting: Setting) -> Value:
    match node:
        case syntax.NumberLiteral():
            return Scalar(np.full(len(at_ms), node.val, dtype=np.float64))
        case syntax.StringLiteral():
            return Text(node.val)
        case syntax.ParenExpr():
            return evaluate(node.expr, at_ms, setting)
        case syntax.VectorSelector():
            return selectors.instant(node, at_ms, setting)
        case syntax.UnaryExpr():
            return _negative(evaluate(node.expr, at_ms, setting))
        case syntax.AggregateExpr():
            return _aggregation(node, at_ms, setting)
        case syntax.BinaryExpr():
            return _binary(node, at_ms, setting)
        case syntax.Call():
            return _call(node, at_ms, setting)
        case _:
            raise QueryError("a range of samples stands where one value is needed")


def ranges(node: syntax.Expr, at_ms: Times, setting: Setting, function: str = "") -> Ranges:
    """The samples that each of these points in time looks back on; `function` will take them."""
    while isinstance(node, syntax.ParenExpr):
        node = node.expr
    if isinstance(node, syntax.MatrixSelector):
        return selectors.ranges(node, at_ms, setting, function)
    assert isinstance(node, syntax.SubqueryExpr), "the parser has checked the types"
    return _subquery(node, at_ms, setting)


def _subquery(node: syntax.SubqueryExpr, at_ms: Times, setting: Setting) -> Ranges:
    """Points on a grid that does not depend on the query's own times (Prometheus aligns so too)."""
    ends_ms = selectors.shifted(node, at_ms, setting)
    starts_ms = ends_ms - selectors.milliseconds(node.range)
    step_ms = selectors.milliseconds(node.step) or setting.subquery_step_ms
    first_ms = (int(starts_ms.min()) // step_ms + 1) * step_ms
    count = (int(ends_ms.max()) - first_ms) // step_ms + 1
    setting.meter.use(max(0, count))
    grid_ms = np.arange(first_ms, int(ends_ms.max()) + 1, step_ms, dtype=np.int64)
    if not len(grid_ms):
        return Ranges((), starts_ms, ends_ms)
    found = evaluate(node.expr, grid_ms, setting)
    vector = functions.as_vector(found) if isinstance(found, Scalar) else _vector(found)
    setting.meter.use(vector.values.size)
    windows: list[Window] = []
    whole = vector.present.all(axis=1)
    if whole.any():
        labels = [vector.labels[row] for row in np.nonzero(whole)[0].tolist()]
        group = Group(labels, grid_ms, vector.values[whole])
        windows += selectors.windows_of(group, starts_ms, ends_ms)
    for row in np.nonzero(~whole)[0].tolist():
        there = vector.present[row]
        values = vector.values[row, there][None, :]
        group = Group([vector.labels[row]], grid_ms[there], values)
        windows += selectors.windows_of(group, starts_ms, ends_ms) if there.any() else []
    return Ranges(windows, starts_ms, ends_ms)


def _negative(value: Value) -> Value:
    if isinstance(value, Scalar):
        return Scalar(-value.values)
    return functions.mapped(_vector(value), np.negative)


def _aggregation(node: syntax.AggregateExpr, at_ms: Times, setting: Setting) -> Vector:
    parameter = None if node.param is None else evaluate(node.param, at_ms, setting)
    assert not isinstance(parameter, Vector), "the parser has checked the types"
    modifier = node.modifier
    grouping = aggregate.Grouping()
    if modifier is not None:
        without = str(modifier.type).endswith("Without")
        grouping = aggregate.Grouping(frozenset(modifier.labels), without)
    vector = _vector(evaluate(node.expr, at_ms, setting))
    setting.meter.use(vector.values.size)
    return aggregate.aggregate(str(node.op), vector, parameter, grouping, setting)


def _binary(node: syntax.BinaryExpr, at_ms: Times, setting: Setting) -> Value:
    left, right = evaluate(node.lhs, at_ms, setting), evaluate(node.rhs, at_ms, setting)
    modifier = node.modifier
    operator = binary.Operator(str(node.op), bool(modifier and modifier.return_bool))
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return binary.scalars(operator, left, right)
    assert not isinstance(left, Text), "the parser has checked the types"
    assert not isinstance(right, Text), "the parser has checked the types"
    if isinstance(left, Scalar) or isinstance(right, Scalar):
        return binary.vector_and_scalar(operator, left, right)
    matching = _matching(modifier)
    if operator.name in binary.SETS:
        return binary.sets(operator.name, left, right, matching)
    return binary.vectors(operator, left, right, matching)


def _matching(modifier: syntax.BinModifier | None) -> binary.Matching:
    if modifier is None:
        return binary.Matching()
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise QueryError("fill() is experimental and not supported")
    cardinality = binary.Cardinality(str(modifier.card).rpartition(".")[2])
    grouping = cardinality in (binary.Cardinality.MANY_TO_ONE, binary.Cardinality.ONE_TO_MANY)
    return binary.Matching(
        on=modifier.matching is not None and str(modifier.matching.type).endswith("Include"),
        labels=tuple(modifier.matching.labels) if modifier.matching is not None else (),
        cardinality=cardinality,
        taken_over=tuple(modifier.group_labels or ()) if grouping else (),
    )


def _call(node: syntax.Call, at_ms: Times, setting: Setting) -> Value:
    name, arguments = node.func.name, list(node.args)
    if any(_is_range(argument) for argument in arguments):
        return _of_range(name, arguments, at_ms, setting)
    if name == "timestamp":
        return _timestamp(arguments[0], at_ms, setting)
    if name == "absent":
        found = _vector(evaluate(arguments[0], at_ms, setting))
        missing = np.logical_not(found.present.any(axis=0))
        return functions.absent(missing, functions.told_labels(arguments[0]))
    values = [evaluate(argument, at_ms, setting) for argument in arguments]
    if name in calendar.PARTS:
        when = _vector(values[0]) if values else functions.as_vector(_now(at_ms))
        return functions.mapped(when, calendar.PARTS[name])
    if name in functions.MATHS:
        return functions.mapped(_vector(values[0]), functions.MATHS[name])
    if name not in OF_VALUES:
        raise QueryError(f"the function {name}() is not supported")
    return OF_VALUES[name](values, at_ms, setting)


# The parser has checked how many arguments there are, and of which kind.
OF_VALUES: Mapping[str, Callable[[list[Any], Times, Setting], Value]] = {
    "time": lambda _, at_ms, __: _now(at_ms),
    "pi": lambda _, at_ms, __: Scalar(np.full(len(at_ms), np.pi)),
    "vector": lambda a, *_: functions.as_vector(a[0]),
    "scalar": lambda a, *_: functions.as_scalar(a[0]),
    "clamp": lambda a, *_: functions.clamped(a[0], a[1].values, a[2].values),
    "clamp_min": lambda a, *_: functions.mapped(a[0], lambda v: np.maximum(v, a[1].values)),
    "clamp_max": lambda a, *_: functions.mapped(a[0], lambda v: np.minimum(v, a[1].values)),
    "round": lambda a, at_ms, _: functions.rounded(
        a[0], a[1].values if len(a) > 1 else np.ones(len(at_ms))
    ),
    "sort": lambda a, *_: functions.sorted_by_value(a[0], descending=False),
    "sort_desc": lambda a, *_: functions.sorted_by_value(a[0], descending=True),
    "sort_by_label": lambda a, *_: functions.sorted_by_label(
        a[0], [name.text for name in a[1:]], descending=False
    ),
    "sort_by_label_desc": lambda a, *_: functions.sorted_by_label(
        a[0], [name.text for name in a[1:]], descending=True
    ),
    "histogram_quantile": lambda a, _, setting: histograms.quantiles(a[0].values, a[1], setting),
    "histogram_fraction": lambda a, _, setting: histograms.fractions(
        a[0].values, a[1].values, a[2], setting
    ),
    "label_replace": lambda a, *_: labelling.replaced(a[0], *(text.text for text in a[1:])),
    "label_join": lambda a, *_: labelling.joined(
        a[0], a[1].text, a[2].text, [name.text for name in a[3:]]
    ),
}


def _of_range(name: str, arguments: list[syntax.Expr], at_ms: Times, setting: Setting) -> Value:
    (which,) = [index for index, argument in enumerate(arguments) if _is_range(argument)]
    view = ranges(arguments[which], at_ms, setting, name)
    if name == "absent_over_time":
        missing = np.ones(len(at_ms), dtype=bool)
        for window in view.windows:
            missing &= window.end <= window.first
        return functions.absent(missing, functions.told_labels(arguments[which]))
    others = [evaluate(a, at_ms, setting) for i, a in enumerate(arguments) if i != which]
    compute = _range_function(name, [o.values for o in others if isinstance(o, Scalar)])
    if name in ("rate", "increase", "irate"):
        _note_doubtful_counters(view, setting)
    parts = []
    for window in view.windows:
        setting.meter.use(len(window.labels) * len(at_ms))
        values, answered = compute(window, view)
        labels = window.labels if name in over_time.KEEP_NAME else nameless(window.labels)
        present = np.broadcast_to(answered, values.shape)
        parts.append(Vector(labels, values, present))
    return distinct(stacked(parts, len(at_ms)))


def _range_function(
    name: str, parameters: list[Floats]
) -> Callable[[Window, Ranges], tuple[Floats, Mask]]:
    if name in RATES:
        return RATES[name]
    if name in over_time.SIMPLE:
        return over_time.SIMPLE[name]
    match name, parameters:
        case "quantile_over_time", [shares]:
            return over_time.quantiles(shares)
        case "predict_linear", [seconds]:
            return over_time.predicted(seconds)
        case (("double_exponential_smoothing" | "holt_winters"), [level, trend]):
            return over_time.smoothed(level, trend)
        case _:
            raise QueryError(f"the function {name}() is not supported")


def _timestamp(argument: syntax.Expr, at_ms: Times, setting: Setting) -> Vector:
    node = argument
    while isinstance(node, syntax.ParenExpr):
        node = node.expr
    if isinstance(node, syntax.VectorSelector):
        found = selectors.sampled_at(node, at_ms, setting)
        return distinct(Vector(nameless(found.labels), found.values, found.present))
    computed = _vector(evaluate(node, at_ms, setting))
    return functions.mapped(computed, lambda v: np.broadcast_to(at_ms / 1000, v.shape))


def _note_doubtful_counters(view: Ranges, setting: Setting) -> None:
    names = {labels.get("__name__", "") for window in view.windows for labels in window.labels}
    for name in sorted(names):
        if name and not name.endswith(COUNTER_SUFFIXES):
            setting.note(
                "metric might not be a counter, name does not end in "
                f"_total/_sum/_count/_bucket: {name!r}"
            )


def _vector(value: Value) -> Vector:
    assert isinstance(value, Vector), "the parser has checked the types"
    return value


def _now(at_ms: Times) -> Scalar:
    return Scalar(at_ms / 1000)


def _is_range(node: syntax.Expr) -> bool:
    while isinstance(node, syntax.ParenExpr):
        node = node.expr
    return isinstance(node, syntax.MatrixSelector | syntax.SubqueryExpr)


def _depth(text: str) -> int:
    """How deep parentheses nest, at most; those in strings count too, which does no harm."""
    depth = deepest = 0
    for character in text:
        if character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")":
            depth -= 1
    return deepest
