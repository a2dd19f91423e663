"""The time that is left for a request, and how it travels from one service to the next.

Envoy tells a service how long its caller will wait, and enforces what the service asks of the
services that it calls. The service behind the entry is told the site's latency budget besides: the
time in which users should have their answer, though they would wait longer. What travels is the
*remaining* time: clocks of machines need not agree.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

TOLD_HEADER = "x-envoy-expected-rq-timeout-ms"  # how long the caller waits for us
ASKED_HEADER = "x-envoy-upstream-rq-timeout-ms"  # how long we wait for the one we call
BUDGET_HEADER = "headway-budget-ms"  # the latency budget; only at the entry
BUDGET_MS_MAX = 3_600_000  # an hour; anything longer is a mistake


@dataclass(frozen=True, slots=True)
class Budget:
    deadline_s: float  # on the monotonic clock of this process

    @classmethod
    def of_request(
        cls, headers: Mapping[str, str], *, default_s: float, now_s: float | None = None
    ) -> Self:
        """The smallest of what we promise (`default_s`), what the caller will wait for, and the
        latency budget.
        """
        told_s = (_told_s(headers, name) for name in (TOLD_HEADER, BUDGET_HEADER))
        limit_s = min([default_s, *(limit_s for limit_s in told_s if limit_s)])
        start_s = time.monotonic() if now_s is None else now_s
        return cls(start_s + limit_s)

    def left_s(self, now_s: float | None = None) -> float:
        return max(0.0, self.deadline_s - (time.monotonic() if now_s is None else now_s))

    def minus(self, reserve_s: float) -> "Budget":
        """Less time for those we call: the reserve is for putting the answer together."""
        return Budget(self.deadline_s - reserve_s)

    def at_most(self, limit_s: float, now_s: float | None = None) -> "Budget":
        """For a call that the answer can do without: it may not use up what the others have."""
        start_s = time.monotonic() if now_s is None else now_s
        return Budget(min(self.deadline_s, start_s + limit_s))

    def headers(self, now_s: float | None = None) -> dict[str, str]:
        """Send these with a call, and Envoy gives it up when our caller would no longer wait."""
        return {ASKED_HEADER: str(max(1, int(self.left_s(now_s) * 1000)))}


def _told_s(headers: Mapping[str, str], name: str) -> float:
    return seconds_told(headers.get(name, ""))


def seconds_told(told: str) -> float:
    """What such a header says; zero when it is nothing sensible."""
    told_ms = int(told) if told.isascii() and told.isdigit() and len(told) < 10 else 0
    return min(told_ms, BUDGET_MS_MAX) / 1000
