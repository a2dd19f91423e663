"""How often somebody may ask: a token bucket for each, and a limit on how many are remembered."""

from collections import OrderedDict
from dataclasses import dataclass

REMEMBERED_MAX = 4096  # askers; who was forgotten begins with a full bucket


@dataclass(frozen=True, slots=True)
class Bucket:
    level: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Rate:
    per_s: float
    burst: float


def take(bucket: Bucket | None, rate: Rate, now_s: float) -> tuple[Bucket, float]:
    """Take one. Also the seconds to wait, 0.0 when there was one; a clock set back gives none."""
    level = rate.burst
    if bucket is not None:
        level = min(rate.burst, bucket.level + max(0.0, now_s - bucket.at_s) * rate.per_s)
    if level >= 1.0:
        return Bucket(level - 1.0, now_s), 0.0
    return Bucket(level, now_s), (1.0 - level) / rate.per_s


class Buckets:
    """One for each name."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, rate: Rate, now_s: float) -> float:
        """Seconds to wait; 0.0: go ahead."""
        bucket, wait_s = take(self._known.pop(name, None), rate, now_s)
        self._known[name] = bucket
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return wait_s
