"""How warm a replica is: the part of its share of traffic that it may be given already.

A newcomer has cold caches, no connections and perhaps code still to load, and nothing in flight,
which makes it look like the best choice. So its part grows in a straight line from `COLD` to all of
it, over its service's `slow_start`, from its first good answer on. Nothing is remembered for that:
the first good answer is a fact of the engine's, and outlives headwayd.

Who was ready before and came back from a time of saying no warms up again, for as long as it was
away and at most as long as a newcomer; after less than `AWAY_S_MIN` it has all of it back at once.
When more than half of a service comes back together, the check was wrong and they never left
(`engine.supervise`): then none of them warms up again.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from headway.model.ids import ReplicaId
from headway.model.observed import Probe, SeenReplica

COLD = 0.05  # less would starve it: some services only warm up by requests
AWAY_S_MIN = 1.0
STEP_S_MIN = 0.1
STEPS_MAX = 50  # of one ramp: nobody needs a finer one, and each is a word to Envoy

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Warmth = Mapping[ReplicaId, float]  # COLD..1


def step_of(slow_start_s: float) -> timedelta:
    """How often the parts of newcomers are made larger."""
    return timedelta(seconds=max(STEP_S_MIN, slow_start_s / STEPS_MAX))


def last_step(step: timedelta, now: datetime) -> datetime:
    """All newcomers move together: one word to Envoy for all of them, not one for each."""
    return EPOCH + (now - EPOCH) // step * step


def warmth(replicas: Sequence[SeenReplica], slow_start_s: float, moment: datetime) -> Warmth:
    """Of every replica, at this moment."""
    parts = {r.id: _first_warmth(r.process.probe, slow_start_s, moment) for r in replicas}
    back = {r.id: _second_warmth(r.process.probe, slow_start_s, moment) for r in replicas}
    if 2 * sum(part < 1 for part in back.values()) > len(replicas):
        return parts
    return {replica: min(part, back[replica]) for replica, part in parts.items()}


def _first_warmth(probe: Probe | None, slow_start_s: float, moment: datetime) -> float:
    if probe is None or probe.first_ok_at is None:
        return 1.0  # in rotation for another reason than its answers; nothing to count from
    return _part(moment - probe.first_ok_at, slow_start_s)


def _second_warmth(probe: Probe | None, slow_start_s: float, moment: datetime) -> float:
    if probe is None or probe.first_ok_at is None:
        return 1.0
    if not probe.ok:  # in rotation only because the check is suspect
        return _part(timedelta(0), slow_start_s)
    if probe.away_s < AWAY_S_MIN:
        return 1.0
    return _part(moment - probe.since, min(slow_start_s, probe.away_s))


def _part(age: timedelta, over_s: float) -> float:
    if over_s <= 0:
        return 1.0
    passed = max(0.0, age.total_seconds()) / over_s
    return min(1.0, COLD + (1 - COLD) * passed)
