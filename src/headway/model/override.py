"""Overrides: how anyone, person or decider, changes what should be true.

`planning.resolve` folds them into what is desired.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from headway.model.ids import ReplicaId, ServiceName


class Rank(IntEnum):
    """Who wins when two overrides contradict each other: the higher rank."""

    DRILL = 1
    SCALING = 2
    RELEASE = 3
    COUNTERMEASURE = 4
    HUMAN = 5
    ROLLBACK = 6


@dataclass(frozen=True, slots=True)
class ScaleTo:
    service: ServiceName
    count: int


@dataclass(frozen=True, slots=True)
class RestartBefore:
    """Replicas that started before `started_before` are replaced, in the rolling way."""

    service: ServiceName
    started_before: datetime


@dataclass(frozen=True, slots=True)
class DrainReplica:
    """Traffic leaves this replica, it ends, and another takes its place.

    Only the life that started before `started_before` is meant: a successor may bear the same name.
    """

    service: ServiceName
    replica: ReplicaId
    started_before: datetime


LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class LogAt:
    """The service logs at this level; back to its own when the override ends."""

    service: ServiceName
    level: str  # one of LOG_LEVELS; "": its own, whatever was wished before


Change = ScaleTo | RestartBefore | DrainReplica | LogAt


@dataclass(frozen=True, slots=True)
class Override:
    change: Change
    rank: Rank
    author: str
    reason: str
    made_at: datetime
    expires_at: datetime

    def replaces(self, older: "Override") -> bool:
        """The same is wished again, as strongly and for as long: the older one never counts again.

        It does not when it outlasts this one: then it is what things go back to.
        """
        return (
            _what(self.change) == _what(older.change)
            and self.rank >= older.rank
            and self.made_at >= older.made_at
            and self.expires_at >= older.expires_at
        )


def _what(change: Change) -> tuple[object, ...]:
    """What it is about, whatever it is changed to."""
    replica = change.replica if isinstance(change, DrainReplica) else None
    return type(change), change.service, replica
