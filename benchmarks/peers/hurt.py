"""What a fault did to users. Pure: the same records always give the same answer.

A request is *hurt* when it failed, or when its good answer came later than `SLOW_MS`. *Time to
mask* is what a user would call the length of the trouble: from the fault to the moment when the
last request that was hurt became due; zero when only those were hurt that were on their way.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.summary import Record, percentile

SLOW_MS = 100.0  # undisturbed, the same request takes 5 to 10 ms


@dataclass(frozen=True, slots=True)
class Hurt:
    requests: int  # that were on their way at the fault, or became due while it was watched
    gets_failed: int
    posts_failed: int
    by_kind: Mapping[str, int]
    slow: int  # good answers later than `SLOW_MS`
    mask_ms: float
    worst_ms: float | None  # of the good answers


def hurt(records: Sequence[Record], from_s: float, until_s: float) -> Hurt:
    """What happened to the requests of one stretch, which began with a fault."""
    met = [r for r in records if r.end_s >= from_s and r.due_s < until_s]
    failed = [r for r in met if not r.ok]
    slow = [r for r in met if r.ok and r.latency_ms > SLOW_MS]
    last_s = max((r.due_s for r in (*failed, *slow)), default=from_s)
    return Hurt(
        requests=len(met),
        gets_failed=sum(r.method == "GET" for r in failed),
        posts_failed=sum(r.method != "GET" for r in failed),
        by_kind=dict(sorted(Counter(r.kind for r in failed).items())),
        slow=len(slow),
        mask_ms=round(max(0.0, last_s - from_s) * 1000, 1),
        worst_ms=percentile(sorted(r.latency_ms for r in met if r.ok), 1.0),
    )


def last_seen_ms(records: Sequence[Record], name: str, from_s: float) -> float:
    """How long after `from_s` requests still became due that this replica then answered."""
    due_s = [r.due_s for r in records if r.answered_by == name and r.due_s >= from_s]
    return round((max(due_s, default=from_s) - from_s) * 1000, 1)


def share(records: Sequence[Record], name: str, from_s: float, length_s: float) -> float | None:
    """Of the requests of one stretch, the part that this replica answered; None without any."""
    stretch = [r for r in records if r.ok and from_s <= r.due_s < from_s + length_s]
    if not stretch:
        return None
    return sum(r.answered_by == name for r in stretch) / len(stretch)


def most_at_once(records: Sequence[Record], name: str) -> int:
    """How many requests this replica had at one moment, as far as their users can tell."""
    own = [r for r in records if r.answered_by == name]
    steps = sorted([(r.due_s, 1) for r in own] + [(r.end_s, -1) for r in own])
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most
