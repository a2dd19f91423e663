"""Functions of instant vectors and scalars."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import promql_parser as syntax

from headway.monitoring.promql.values import Scalar, Vector, distinct, key, nameless, taken, trimmed
from headway.monitoring.series import NAME, Floats, Labels, Mask

MATHS: Mapping[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sgn": np.sign,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "deg": np.degrees,
    "rad": np.radians,
}
DIGITS = re.compile(r"\d+|\D+")


def mapped(vector: Vector, compute: Callable[[Floats], Floats]) -> Vector:
    return distinct(Vector(nameless(vector.labels), compute(vector.values), vector.present))


def clamped(vector: Vector, least: Floats, most: Floats) -> Vector:
    """Nothing at all where the bounds contradict each other."""
    values = np.maximum(least, np.minimum(most, vector.values))
    values = np.where(np.isnan(least) | np.isnan(most), np.nan, values)
    possible = ~(least > most)
    return distinct(trimmed(Vector(nameless(vector.labels), values, vector.present & possible)))


def rounded(vector: Vector, to: Floats) -> Vector:
    """To the nearest multiple; halves go up."""
    inverse = 1 / to
    return mapped(vector, lambda values: np.floor(values * inverse + 0.5) / inverse)


def as_vector(scalar: Scalar) -> Vector:
    values = scalar.values[None, :].copy()
    return Vector([{}], values, np.ones(values.shape, dtype=bool))


def as_scalar(vector: Vector) -> Scalar:
    """The value where there is exactly one series, NaN elsewhere."""
    steps = vector.values.shape[1]
    if not len(vector.labels):
        return Scalar(np.full(steps, np.nan))
    only = vector.values[vector.present.argmax(axis=0), np.arange(steps)]
    return Scalar(np.where(vector.present.sum(axis=0) == 1, only, np.nan))


def absent(missing: Mask, labels: Labels) -> Vector:
    """1 where nothing is there, with what the selector says of the labels."""
    return trimmed(Vector([labels], np.ones((1, len(missing))), missing[None, :]))


def told_labels(node: syntax.Expr) -> dict[str, str]:
    """The labels that a selector fixes with `=`, each given once."""
    while isinstance(node, syntax.ParenExpr):
        node = node.expr
    if isinstance(node, syntax.MatrixSelector):
        node = node.vector_selector
    if not isinstance(node, syntax.VectorSelector):
        return {}
    fixed: dict[str, str] = {}
    unclear: set[str] = {NAME}
    for matcher in node.matchers.matchers:
        plain = str(matcher.op) == str(syntax.MatchOp.Equal)
        if plain and matcher.name not in fixed and matcher.name not in unclear:
            fixed[matcher.name] = matcher.value
        else:
            fixed.pop(matcher.name, None)
            unclear.add(matcher.name)
    return {name: value for name, value in fixed.items() if value}


def sorted_by_value(vector: Vector, *, descending: bool) -> Vector:
    """Of one point in time; over a range there is no order. NaN comes last."""
    if vector.values.shape[1] != 1 or not len(vector.labels):
        return vector
    values = -vector.values[:, 0] if descending else vector.values[:, 0]
    unknown = np.isnan(values)
    return taken(vector, np.lexsort((np.where(unknown, 0.0, values), unknown)))


def sorted_by_label(vector: Vector, names: Sequence[str], *, descending: bool) -> Vector:
    """In natural order (`web-2` before `web-10`), then by all labels."""
    if vector.values.shape[1] != 1:
        return vector

    def rank(row: int) -> tuple[object, ...]:
        labels = vector.labels[row]
        return ([_natural(labels.get(name, "")) for name in names], key(labels))

    return taken(vector, sorted(range(len(vector.labels)), key=rank, reverse=descending))


def _natural(text: str) -> list[tuple[int, int, str]]:
    parts = DIGITS.findall(text)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]
