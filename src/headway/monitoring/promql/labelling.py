"""label_replace and label_join: the same values under other labels."""

import re
from collections.abc import Sequence
from typing import Any

from headway.monitoring.matching import PatternError, compiled
from headway.monitoring.promql.errors import QueryError
from headway.monitoring.promql.values import Vector, distinct
from headway.monitoring.series import Labels

REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(\$))")
RESULT_CHARS_MAX = 64 * 1024


def replaced(vector: Vector, to: str, template: str, source: str, pattern: str) -> Vector:
    if not to:
        raise QueryError("invalid destination label name in label_replace(): it is empty")
    try:
        regex = compiled(pattern)
    except PatternError as error:
        raise QueryError(f"invalid regular expression in label_replace(): {error}") from error
    labels = []
    for original in vector.labels:
        match = regex.fullmatch(original.get(source, ""))
        if match is None:
            labels.append(original)
        else:
            labels.append(_with(original, to, _expanded(template, match)))
    return distinct(Vector(labels, vector.values, vector.present))


def joined(vector: Vector, to: str, separator: str, sources: Sequence[str]) -> Vector:
    if not to:
        raise QueryError("invalid destination label name in label_join(): it is empty")
    labels = [
        _with(original, to, separator.join(original.get(name, "") for name in sources))
        for original in vector.labels
    ]
    return distinct(Vector(labels, vector.values, vector.present))


def _with(labels: Labels, name: str, value: str) -> Labels:
    """An empty label is no label."""
    if len(value) > RESULT_CHARS_MAX:
        raise QueryError(f"a label's value may have {RESULT_CHARS_MAX} characters")
    rest = {k: v for k, v in labels.items() if k != name}
    return {**rest, name: value} if value else rest


def _expanded(template: str, match: Any) -> str:
    """`$1`, `${1}` and `${name}`, as Go's `Expand` fills them in; an unknown one is empty."""

    def part(found: re.Match[str]) -> str:
        if found.group(3):
            return "$"
        name = found.group(1) or found.group(2)
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError, ValueError):
            return ""

    return REFERENCE.sub(part, template)
