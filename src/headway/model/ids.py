"""Names. Each kind has its own type, so that one cannot be passed for another."""

from dataclasses import dataclass
from typing import NewType

SiteName = NewType("SiteName", str)
EnvironmentName = NewType("EnvironmentName", str)
ServiceName = NewType("ServiceName", str)
ReplicaId = NewType("ReplicaId", str)  # "frontend-2": service and slot; stable over restarts
ReleaseId = NewType("ReleaseId", str)  # "r3f9c1e2": first digits of the release's digest
HostName = NewType("HostName", str)
PlanId = NewType("PlanId", str)  # "p-7c1a93"

PRODUCTION = EnvironmentName("production")


def number_of(replica: ReplicaId) -> int:
    """2 of `frontend-2`; 0 when its name ends with no number."""
    number = replica.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


@dataclass(frozen=True, slots=True, order=True)
class EnvironmentId:
    """One running copy of a site: `search/production`, `search/micro`."""

    site: SiteName
    name: EnvironmentName

    def __str__(self) -> str:
        return f"{self.site}/{self.name}"
