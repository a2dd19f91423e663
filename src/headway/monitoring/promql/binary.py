"""Binary operators: arithmetic, comparison and set operators, with label matching."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from headway.monitoring.promql.errors import QueryError
from headway.monitoring.promql.values import (
    Scalar,
    Vector,
    distinct,
    empty,
    key,
    nameless,
    trimmed,
    without,
)
from headway.monitoring.series import NAME, Floats, Labels, Mask

Operation: TypeAlias = Callable[[Floats, Floats], NDArray[np.float64 | np.bool_]]

ARITHMETIC: Mapping[str, Operation] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: Mapping[str, Operation] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}
SETS = frozenset({"and", "or", "unless"})
AMBIGUOUS = "multiple matches for labels: "


class Cardinality(StrEnum):
    ONE_TO_ONE = "OneToOne"
    MANY_TO_ONE = "ManyToOne"  # group_left
    ONE_TO_MANY = "OneToMany"  # group_right
    MANY_TO_MANY = "ManyToMany"


@dataclass(frozen=True, slots=True)
class Matching:
    """Which series of the two sides belong together."""

    on: bool = False  # True: equal in these labels; False: in all but these
    labels: tuple[str, ...] = ()
    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    taken_over: tuple[str, ...] = ()  # labels that the "one" side gives to the result

    def signature(self, labels: Labels) -> tuple[object, ...]:
        if self.on:
            return tuple(labels.get(name, "") for name in self.labels)
        return key(without(labels, NAME, *self.labels))


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    as_bool: bool = False  # a comparison that gives 0 and 1 instead of filtering

    @property
    def compute(self) -> Operation:
        return COMPARISON.get(self.name) or ARITHMETIC[self.name]

    @property
    def filters(self) -> bool:
        return self.name in COMPARISON and not self.as_bool


def scalars(operator: Operator, left: Scalar, right: Scalar) -> Scalar:
    return Scalar(operator.compute(left.values, right.values).astype(float))


def vector_and_scalar(operator: Operator, left: Vector | Scalar, right: Vector | Scalar) -> Vector:
    vector = left if isinstance(left, Vector) else right
    assert isinstance(vector, Vector)
    result = operator.compute(_cells(left), _cells(right))
    if operator.filters:
        return trimmed(Vector(vector.labels, vector.values, vector.present & result.astype(bool)))
    return distinct(Vector(nameless(vector.labels), result.astype(float), vector.present))


def sets(name: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    if name == "or":
        covered = _covered(right.labels, left, matching)
        labels = [*left.labels, *right.labels]
        values = np.concatenate([left.values, right.values])
        present = np.concatenate([left.present, right.present & ~covered])
        return distinct(trimmed(Vector(labels, values, present)))
    covered = _covered(left.labels, right, matching)
    present = left.present & (covered if name == "and" else ~covered)
    return trimmed(Vector(left.labels, left.values, present))


def vectors(operator: Operator, left: Vector, right: Vector, matching: Matching) -> Vector:
    steps = left.values.shape[1]
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    many_rows, one_rows = _pairs(many, one, matching)
    if not len(many_rows):
        return empty(steps)
    present = many.present[many_rows] & one.present[one_rows]
    grouping = matching.cardinality is not Cardinality.ONE_TO_ONE
    if not grouping:
        _refuse_several(many, many_rows, present, matching)
    of_many, of_one = many.values[many_rows], one.values[one_rows]
    result = operator.compute(*((of_one, of_many) if swapped else (of_many, of_one)))
    labels = [
        _labels(operator, many.labels[m], one.labels[o], matching, grouping)
        for m, o in zip(many_rows, one_rows, strict=True)
    ]
    if operator.filters:
        values, present = (of_one if swapped else of_many), present & result.astype(bool)
    else:
        values = result.astype(float)
    try:
        return distinct(trimmed(Vector(labels, values, present)))
    except QueryError as error:
        raise QueryError(AMBIGUOUS + "grouping labels must ensure unique matches") from error


def _cells(side: Vector | Scalar) -> Floats:
    return side.values if isinstance(side, Vector) else side.values[None, :]


def _covered(wanted: Sequence[Labels], other: Vector, matching: Matching) -> Mask:
    """For each of the series, at which points in time the other side has a partner."""
    steps = other.present.shape[1]
    there: dict[tuple[object, ...], Mask] = {}
    for labels, present in zip(other.labels, other.present, strict=True):
        signature = matching.signature(labels)
        known = there.get(signature)
        there[signature] = present if known is None else known | present
    never = np.zeros(steps, dtype=bool)
    rows = [there.get(matching.signature(labels), never) for labels in wanted]
    return np.array(rows, dtype=bool).reshape(-1, steps)


def _pairs(many: Vector, one: Vector, matching: Matching) -> tuple[list[int], list[int]]:
    """Rows that belong together. On the "one" side they must never be there at the same time."""
    partners: dict[tuple[object, ...], list[int]] = {}
    for row, labels in enumerate(one.labels):
        partners.setdefault(matching.signature(labels), []).append(row)
    signatures = [matching.signature(labels) for labels in many.labels]
    _refuse_duplicates(one, partners, set(signatures))
    pairs = [
        (row, partner)
        for row, signature in enumerate(signatures)
        for partner in partners.get(signature, ())
    ]
    return [m for m, _ in pairs], [o for _, o in pairs]


def _refuse_duplicates(
    one: Vector,
    partners: Mapping[tuple[object, ...], Sequence[int]],
    asked: AbstractSet[tuple[object, ...]],
) -> None:
    for signature, rows in partners.items():
        if len(rows) > 1 and signature in asked and (one.present[rows].sum(axis=0) > 1).any():
            names = ", ".join(str(dict(one.labels[row])) for row in rows[:2])
            raise QueryError(
                f"found duplicate series for the match group on the one side: {names}; "
                "many-to-many matching not allowed: matching labels must be unique on one side"
            )


def _refuse_several(
    many: Vector, many_rows: Sequence[int], present: Mask, matching: Matching
) -> None:
    seen: dict[tuple[object, ...], NDArray[np.int64]] = {}
    for row, there in zip(many_rows, present, strict=True):
        signature = matching.signature(many.labels[row])
        count = seen.get(signature, 0) + there.astype(np.int64)
        if (count > 1).any():
            raise QueryError(
                AMBIGUOUS + "many-to-one matching must be explicit (group_left/group_right)"
            )
        seen[signature] = count


def _labels(
    operator: Operator, many: Labels, one: Labels, matching: Matching, grouping: bool
) -> dict[str, str]:
    keeps_name = operator.filters
    if grouping:
        result = dict(many)
        for name in matching.taken_over:
            if one.get(name):
                result[name] = one[name]
            else:
                result.pop(name, None)
    elif matching.on:
        result = {name: many[name] for name in matching.labels if many.get(name)}
    else:
        result = without(many, *matching.labels)
    if not keeps_name:
        result.pop(NAME, None)
    return result
