"""Matchers against targets and series: what can be said of a whole target is asked only once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headway.monitoring.matching import predicate
from headway.monitoring.parts import Series
from headway.monitoring.series import NAME, Labels, Matcher


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of one target: which metrics, and which of their series."""

    metric: Callable[[str], bool]
    series: Callable[[Series], bool] | None  # None: all


def wanted_of(matchers: Sequence[Matcher], base: Labels) -> Wanted | None:
    """None when no series of a target with these labels can be meant."""
    own = [m for m in matchers if m.label in base]
    if not predicate(own)(base):
        return None
    names = predicate([m for m in matchers if m.label == NAME])
    others = [m for m in matchers if m.label not in base and m.label != NAME]
    fits = predicate(others)
    return Wanted(
        lambda name: names({NAME: name}),
        (lambda series: fits(series.told)) if others else None,
    )
