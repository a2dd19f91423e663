"""What a person wants changed for a while: as an override, and as a sentence for the journal. Pure.

Raises `BadRequestError` for what makes no sense.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headway.api.control import BadRequestError, ConflictError
from headway.engine.io.blocks import REPLICAS_MAX
from headway.model.actor import Actor
from headway.model.desired import Desired, DesiredService
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
from headway.planning.resolve import resolve

OVERRIDES_MAX = 1000  # of one environment; one drain for each of its replicas is no misuse
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


def check_room(described: Desired, overrides: Iterable[Override], wish: Wish) -> None:
    """More replicas than the environment has ports for are refused now, not one by one later.

    Counted as for a description: what is wanted of every service, with its surge.
    """
    change, now = wish.override.change, wish.override.made_at
    assert isinstance(change, ScaleTo), "only scaling needs room"
    before, after = (
        resolve(described, wished, now).services
        for wished in (overrides, (*overrides, wish.override))
    )
    service = after.get(change.service)
    if service is None or service.count <= before[change.service].count:
        return  # fewer always fit; and what is leaving has no room of its own
    over = sum(s.count + s.surge_max for s in after.values()) - REPLICAS_MAX
    if over > 0:
        room = max(0, service.count - over)
        raise ConflictError(
            f"{service.count} replicas of {change.service} do not fit: an environment has room for "
            f"{REPLICAS_MAX} of all services, with surge",
            remedy=f"at most {room} of {change.service} as things are",
        )


def with_wish(overrides: Iterable[Override], wished: Override) -> tuple[Override, ...]:
    """Those in force and the new one, which takes the place of what it replaces."""
    left = (o for o in overrides if o.expires_at > wished.made_at and not wished.replaces(o))
    return (*left, wished)


def check_few(overrides: Iterable[Override], wished: Override) -> None:
    then = with_wish(overrides, wished)
    if len(then) > OVERRIDES_MAX:
        end = min(o.expires_at for o in then)
        raise ConflictError(
            f"{OVERRIDES_MAX} wishes are in force already, which is the most",
            remedy=f"the first of them ends {end:%a %H:%M}; what is to last belongs in site.yaml",
        )


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
