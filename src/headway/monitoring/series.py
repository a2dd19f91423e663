"""What was measured: series of samples, in groups that share their points in time.

One scrape gives all series of a target the same timestamp, so a group has one column of times and a
row of values per series. A cell that holds `STALE` says that the series had ended at that time (its
target did not answer, or no longer told of it); so does a cell from before its beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Labels: TypeAlias = Mapping[str, str]  # never changed after it was made
Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]  # milliseconds since 1970, UTC
Mask: TypeAlias = NDArray[np.bool_]

NAME = "__name__"
STALE_BITS = np.uint64(0x7FF0000000000002)  # Prometheus's staleness marker: a NaN of its own
STALE = np.array([STALE_BITS]).view(np.float64)[0]


def is_stale(values: Floats) -> Mask:
    """Where a series had ended. An ordinary NaN is a value like any other."""
    return np.asarray(np.ascontiguousarray(values).view(np.uint64) == STALE_BITS)


@dataclass(frozen=True, slots=True)
class Group:
    """Series with common timestamps: `values[k, n]` belongs to `labels[k]` at `times_ms[n]`.

    `resolution_ms` is 0 where every sample is there that was taken. Where older samples were
    thinned out it says to how many milliseconds each; one number per sample if they differ.
    """

    labels: Sequence[Labels]
    times_ms: Times  # strictly ascending
    values: Floats
    resolution_ms: int | Times = 0


class MatchOp(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; a label that is not there counts as empty."""

    label: str
    op: MatchOp
    value: str


@dataclass(frozen=True, slots=True)
class Hint:
    """What the samples are wanted for; a source may have something prepared for that."""

    function: str  # as PromQL calls it: "max_over_time", "rate", …
    range_ms: int


class Source(Protocol):
    """Where samples come from."""

    def select(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        hint: Hint | None = None,
    ) -> Sequence[Group]:
        """All series that fulfil every matcher, with their samples from start to end (both in).

        Where samples were thinned out, some from before the start come along: they still hold.
        """
        ...
