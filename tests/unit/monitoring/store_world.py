"""A store in a temporary folder, and what a plain dictionary says should be in it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from headway.monitoring.head import Feed
from headway.monitoring.io.store import Limits, Store
from headway.monitoring.series import (
    NAME,
    Floats,
    Group,
    Hint,
    Labels,
    Matcher,
    MatchOp,
    is_stale,
)

BEGIN_MS = 1_700_000_000_000 // (64 * 86_400_000) * (64 * 86_400_000)
EVER = (0, 1 << 60)
ALL = (Matcher(NAME, MatchOp.MATCHES, ".+"),)

# Series -> time -> value.
Samples = dict[tuple[tuple[str, str], ...], dict[int, float]]


def limits(**changes: object) -> Limits:
    return Limits(**{"sync": False, **changes})  # type: ignore[arg-type]


def named(name: str) -> tuple[Matcher, ...]:
    return (Matcher(NAME, MatchOp.EQUAL, name),)


def key(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def samples_of(groups: Sequence[Group]) -> Samples:
    """Without the marks where series had ended."""
    found: Samples = {}
    for group in groups:
        assert (np.diff(group.times_ms) > 0).all(), "times ascend"
        gone = is_stale(group.values)
        for row, labels in enumerate(group.labels):
            assert key(labels) not in found, "each series once"
            there = ~gone[row]
            times = group.times_ms[there].tolist()
            if times:
                found[key(labels)] = dict(
                    zip(times, group.values[row, there].tolist(), strict=True)
                )
    return found


def asked(
    store: Store,
    matchers: Sequence[Matcher] = ALL,
    start_ms: int = EVER[0],
    end_ms: int = EVER[1],
    hint: Hint | None = None,
) -> Samples:
    return samples_of(store.select(matchers, start_ms, end_ms, hint))


@dataclass(slots=True)
class Web:
    """A target with a counter, a gauge and some buckets, and what it told."""

    base: Labels = field(default_factory=lambda: {"job": "web", "instance": "a:1"})
    seed: int = 1
    counters: int = 3

    @property
    def labels(self) -> list[Labels]:
        some = [{NAME: "requests_total", "path": f"/{n}"} for n in range(self.counters)]
        return [*some, {NAME: "load"}, {NAME: "temperature"}]

    def rows(self, count: int, *, begin_ms: int, every_ms: int) -> Iterator[tuple[int, Floats]]:
        chance = np.random.default_rng(self.seed)
        total = np.zeros(self.counters)
        for index in range(count):
            total += chance.integers(0, 20, self.counters)
            if chance.random() < 0.002:
                total[:] = 0
            gauges = [chance.normal(), float(chance.integers(0, 100))]
            yield begin_ms + index * every_ms, np.concatenate([total, gauges])

    def fill(self, store: Store, count: int, *, begin_ms: int = BEGIN_MS, every_ms: int) -> Feed:
        feed = store.feed(self.base)
        for at_ms, row in self.rows(count, begin_ms=begin_ms, every_ms=every_ms):
            store.append(feed, at_ms, self.labels, row)
        store.commit()
        return feed


def opened(directory: Path, told: list[str] | None = None, **changes: object) -> "closing[Store]":
    tell = (lambda _: None) if told is None else told.append
    return closing(Store(directory, limits(**changes), tell))


def kept(store: Store, now_ms: int) -> list[str]:
    """All upkeep that is due, in its order."""
    steps: list[str] = []
    while step := store.maintain(now_ms):
        steps.append(step)
        assert len(steps) < 1000, "upkeep comes to an end"
    return steps
