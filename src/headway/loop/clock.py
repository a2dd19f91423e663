"""The loop's time: starts at the wall clock, then follows the machine's monotonic one.

When somebody sets the machine's clock, nothing here jumps: back-offs, drains and expiries keep
their length. The difference is made up slowly, at most `SLEW` of the time that passes.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SLEW = 0.05


class SteadyClock:
    """Never goes back and never jumps. `wall_s` and `monotonic_s` are the machine's two clocks."""

    def __init__(self, wall_s: Callable[[], float], monotonic_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._at_s = wall_s()
        self._last_s = monotonic_s()

    def now(self) -> datetime:
        passed_s = max(0.0, self._monotonic_s() - self._last_s)
        self._last_s += passed_s
        behind_s = self._wall_s() - (self._at_s + passed_s)
        most_s = SLEW * passed_s
        self._at_s += passed_s + max(-most_s, min(most_s, behind_s))
        return datetime.fromtimestamp(self._at_s, UTC)

    def at(self, monotonic_s: float) -> datetime:
        """The time at which the machine's monotonic clock showed this."""
        return self.now() - timedelta(seconds=self._last_s - monotonic_s)
