"""Who acts, in which role, and within which limits."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from headway.model.ids import EnvironmentId


class Role(StrEnum):
    VIEWER = "viewer"  # sees everything, changes nothing
    OPERATOR = "operator"  # acts on what runs: scale, restart, drain
    ADMIN = "admin"  # changes the description, brings environments up and down


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits within a role. None is no limit; an empty set allows nothing."""

    places: frozenset[str] | None = None  # "search" (all its environments), "search/test"
    verbs: frozenset[str] | None = None
    until: datetime | None = None

    def covers(self, environment: EnvironmentId | None) -> bool:
        """None is the machine as a whole, which no place contains."""
        if self.places is None:
            return True
        return environment is not None and not self.places.isdisjoint(
            {str(environment.site), str(environment)}
        )


UNLIMITED = Scope()


@dataclass(frozen=True, slots=True)
class Actor:
    name: str  # "root", "token:ci", "headway"
    role: Role
    scope: Scope = UNLIMITED


HEADWAY = Actor("headway", Role.ADMIN)  # the loop itself
