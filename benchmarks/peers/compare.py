"""Candidates measured in turns: who is next, and what their figures say of each other. Pure.

A machine that becomes slower halfway must not hurt one of them alone, so in every round each is
measured once, each round begins with another one, and ratios are taken within a round before their
median is.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median


def in_turns(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Round and name, interleaved; the place within the round moves on each time."""
    for number in range(rounds):
        start = number % len(names) if names else 0
        for name in (*names[start:], *names[:start]):
            yield number, name


def median_or_none(figures: Sequence[float | None]) -> float | None:
    known = [f for f in figures if f is not None]
    return median(known) if known else None


def ratio(own: Sequence[float | None], base: Sequence[float | None]) -> float | None:
    """Median over the rounds of own : base; None where no round has both, or base is zero."""
    pairs = zip(own, base, strict=False)
    found = [a / b for a, b in pairs if a is not None and b is not None and b > 0]
    return median(found) if found else None


def added(counts: Sequence[Mapping[str, int]]) -> str:
    """Kinds of failures of all rounds together: "refused 3, timeout 12"; "" without any."""
    total: dict[str, int] = {}
    for count in counts:
        for said, times in count.items():
            kind = said.partition(" <")[0]  # without the page that some proxies send with it
            total[kind] = total.get(kind, 0) + times
    return ", ".join(f"{kind} {times}" for kind, times in sorted(total.items()))
