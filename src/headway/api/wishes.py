"""What a person wants changed for a while: as an override, and as a sentence for the journal. Pure.

Raises `BadRequestError` for what makes no sense.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headway.api.control import BadRequestError
from headway.model.actor import Actor
from headway.model.desired import DesiredService
from headway.model.ids import ReplicaId, ServiceName
from headway.model.observed import SeenReplica
from headway.model.override import (
    Change,
    DrainReplica,
    LogAt,
    Override,
    Rank,
    RestartBefore,
    ScaleTo,
)
from headway.model.site import Kind

UNLESS_SAID_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class By:
    """Who wants it, why, and when he said so."""

    actor: Actor
    reason: str
    now: datetime

    def override(self, change: Change, *, for_s: float = UNLESS_SAID_S) -> Override:
        until = self.now + timedelta(seconds=for_s)
        return Override(change, Rank.HUMAN, self.actor.name, self.reason, self.now, until)


@dataclass(frozen=True, slots=True)
class Wish:
    override: Override
    kind: str  # of its event
    subject: str
    text: str


def scale(wanted: DesiredService, count: int, by: By, *, for_s: float) -> Wish:
    service = wanted.service.name
    if wanted.service.kind is Kind.JOB:
        raise BadRequestError(f"{service} is a job", remedy="jobs run once; they do not scale")
    override = by.override(ScaleTo(service, count), for_s=for_s)
    text = f"{service}: {wanted.count} -> {count} replicas until {override.expires_at:%a %H:%M}"
    return Wish(override, "scale", service, text)


def restart(service: ServiceName, by: By) -> Wish:
    text = f"{service}: every replica that runs now is replaced"
    return Wish(by.override(RestartBefore(service, by.now)), "restart", service, text)


def drain(service: ServiceName, replica: ReplicaId, by: By) -> Wish:
    change = DrainReplica(service, replica, by.now)
    return Wish(by.override(change), "drain", replica, f"{replica} is drained and replaced")


def log_at(
    service: ServiceName, level: str, by: By, *, for_s: float, replicas: Sequence[SeenReplica]
) -> Wish:
    override = by.override(LogAt(service, level), for_s=for_s)
    text = f"{service}: log level {level} until {override.expires_at:%a %H:%M}"
    deaf = ", ".join(unreached(replicas))
    if deaf:
        text += f"; not reached: {deaf}, started by a Headway that could not: restart {service}"
    return Wish(override, "log-level", service, text)


def log_as_before(service: ServiceName, by: By, overrides: Iterable[Override]) -> Wish | None:
    """The service's own level again, for as long as anybody has wished for another one."""
    ends = [o.expires_at for o in overrides if _is_about_logs(o, service) and o.expires_at > by.now]
    if not ends:
        return None
    override = by.override(LogAt(service, ""), for_s=(max(ends) - by.now).total_seconds())
    return Wish(override, "log-level", service, f"{service}: its own log level again")


def unreached(replicas: Iterable[SeenReplica]) -> tuple[ReplicaId, ...]:
    """Those that run without `$HW_CONTROL`, and so cannot be told anything."""
    alive = (r for r in replicas if r.process.exit is None)
    return tuple(r.id for r in alive if not r.process.has_control)


def _is_about_logs(override: Override, service: ServiceName) -> bool:
    return isinstance(override.change, LogAt) and override.change.service == service
