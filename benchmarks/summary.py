"""What a run of requests adds up to. Pure: the same records always give the same summary.

Latency counts from the moment a request was *due*, not from when it could be written: a client
that politely waits for a slow server would otherwise hide exactly what it is there to show.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

FAILURES_SHOWN_MAX = 50


@dataclass(frozen=True, slots=True)
class Record:
    """One request, from due to done. Times are seconds since the run began."""

    id: str
    method: str
    due_s: float
    end_s: float
    status: int | None  # None: no complete answer
    error: str = ""  # "refused", "timeout", "503 overflow", …; empty when there was a good answer
    answered_by: str = ""  # the replica that says so in `x-replica`

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 400

    @property
    def latency_ms(self) -> float:
        return (self.end_s - self.due_s) * 1000

    @property
    def kind(self) -> str:
        """What to call it among failures."""
        return self.error or str(self.status)


@dataclass(frozen=True, slots=True)
class Summary:
    sent: int
    ok: int
    failed: int
    failed_by_kind: dict[str, int]
    p50_ms: float | None  # of good answers; None when there were none
    p99_ms: float | None
    max_ms: float | None
    longest_outage_ms: float  # the longest stretch from a first to a last failure with no success
    failures: tuple[tuple[float, str, str], ...]  # seconds into the run, id, kind; the first ones

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def summarize(records: Sequence[Record]) -> Summary:
    good_ms = sorted(r.latency_ms for r in records if r.ok)
    bad = sorted((r for r in records if not r.ok), key=lambda r: r.end_s)
    return Summary(
        sent=len(records),
        ok=len(good_ms),
        failed=len(bad),
        failed_by_kind=dict(sorted(Counter(r.kind for r in bad).items())),
        p50_ms=percentile(good_ms, 0.50),
        p99_ms=percentile(good_ms, 0.99),
        max_ms=percentile(good_ms, 1.0),
        longest_outage_ms=longest_outage_ms(records),
        failures=tuple((round(r.end_s, 3), r.id, r.kind) for r in bad[:FAILURES_SHOWN_MAX]),
    )


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """Nearest rank: always a value that really occurred."""
    if not ascending:
        return None
    return round(ascending[max(1, ceil(share * len(ascending))) - 1], 3)


def longest_outage_ms(records: Sequence[Record]) -> float:
    """How long users saw nothing but failures: zero when every failure stood alone."""
    longest_s, first_bad_s = 0.0, None
    for record in sorted(records, key=lambda r: r.end_s):
        if record.ok:
            first_bad_s = None
        else:
            first_bad_s = record.end_s if first_bad_s is None else first_bad_s
            longest_s = max(longest_s, record.end_s - first_bad_s)
    return round(longest_s * 1000, 3)


def between(records: Sequence[Record], from_s: float, until_s: float) -> list[Record]:
    """Requests that were due in this stretch of the run."""
    return [r for r in records if from_s <= r.due_s < until_s]


def describe(summary: Summary) -> str:
    """A few lines for people."""
    lines = [f"sent {summary.sent}  ok {summary.ok}  failed {summary.failed}"]
    if summary.failed:
        kinds = "  ".join(f"{kind} {count}" for kind, count in summary.failed_by_kind.items())
        lines.append(f"failed by kind: {kinds}")
        lines.append(f"longest outage: {summary.longest_outage_ms:.0f} ms")
    if summary.p50_ms is not None and summary.p99_ms is not None and summary.max_ms is not None:
        lines.append(
            f"p50 {summary.p50_ms:.1f} ms  p99 {summary.p99_ms:.1f} ms  max {summary.max_ms:.1f} ms"
        )
    lines += [f"  {at:9.3f} s  {kind:14} {request}" for at, request, kind in summary.failures]
    return "\n".join(lines)
