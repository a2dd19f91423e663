"""What a query is evaluated against, and how much of it one query may use."""

from collections.abc import Callable
from dataclasses import dataclass, field

from headway.monitoring.promql.errors import QueryLimitError
from headway.monitoring.series import Source

LOOKBACK_MS = 300_000  # an instant sees the newest sample of the last five minutes
SUBQUERY_STEP_MS = 60_000  # of a subquery that names none
SAMPLES_MAX = 50_000_000


@dataclass(slots=True)
class Meter:
    """Counts what a query uses. `check` is called often and raises when its time is over."""

    samples_max: int = SAMPLES_MAX
    check: Callable[[], None] = lambda: None
    samples: int = 0

    def use(self, samples: int) -> None:
        self.check()
        self.samples += samples
        if self.samples > self.samples_max:
            raise QueryLimitError(
                f"the query needs more than {self.samples_max:,} samples; "
                "ask for a shorter time, a longer step or fewer series"
            )


@dataclass(frozen=True, slots=True)
class Setting:
    source: Source
    start_ms: int  # of the whole query: what `@ start()` means
    end_ms: int
    lookback_ms: int = LOOKBACK_MS
    subquery_step_ms: int = SUBQUERY_STEP_MS
    meter: Meter = field(default_factory=Meter)
    notes: set[str] = field(default_factory=set)  # what the asker should know beside the answer

    def note(self, text: str) -> None:
        self.notes.add(text)
