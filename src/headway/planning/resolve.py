"""Fold overrides into the description: what should be true now.

Precedence is `Rank`, written down once: a higher rank wins; among equals the later one. An
override that has expired counts for nothing. Every difference from the description says why.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from headway.model.desired import Controls, Desired, DesiredService
from headway.model.ids import ReleaseId, ServiceName
from headway.model.override import (
    Change,
    DrainReplica,
    LogAt,
    Override,
    Rank,
    RestartBefore,
    ScaleTo,
)
from headway.model.release import Launch, Release
from headway.model.site import Service


def in_force(overrides: Iterable[Override], now: datetime) -> tuple[Override, ...]:
    """Those that have not expired, weakest first; a drill ends as soon as anything outranks it."""
    alive = [o for o in overrides if o.expires_at > now]
    above_drill = any(o.rank > Rank.DRILL for o in alive)
    kept = [o for o in alive if not (above_drill and o.rank is Rank.DRILL)]
    return tuple(sorted(kept, key=lambda o: (o.rank, o.made_at)))


def resolve(described: Desired, overrides: Iterable[Override], now: datetime) -> Desired:
    """What should be true now. Services that no override touches are returned as they are."""
    services: dict[ServiceName, DesiredService] = dict(described.services)
    for override in in_force(overrides, now):
        before = services.get(override.change.service)
        if before is None or _lies_ahead(override.change, now):
            continue  # its service has left the description, or the machine's clock was set back
        after = _apply(before, override, described.services[override.change.service])
        because = (*after.because, _sentence(override))
        services[override.change.service] = replace(after, because=because)
    return replace(described, services=services)


def going_down(described: Desired) -> Desired:
    """The same environment with nothing in it, callers before callees, for `headway down`."""
    callers_first = reversed(list(described.services.items()))
    services = {name: scaled(service, 0) for name, service in callers_first}
    return replace(described, services=services, entry=None)


def unwanted(name: ServiceName, last: DesiredService | None) -> DesiredService:
    """A service that has left the description but still has processes: zero of it, drained."""
    if last is not None:
        return replace(scaled(last, 0), drained=frozenset(), restart_before=None, because=())
    service = Service(name, owner="", run=(), replicas=0, ready_min=0)
    release = Release(ReleaseId("none"), name, digest="", files={}, secrets={})
    launch = Launch(argv=(), env=(), directory="/")
    return DesiredService(service, release, launch, count=0, ready_min=0, surge_max=0)


def next_expiry(overrides: Iterable[Override], now: datetime) -> datetime | None:
    return min((o.expires_at for o in overrides if o.expires_at > now), default=None)


def scaled(service: DesiredService, count: int) -> DesiredService:
    """The same service with another count; `ready_min` follows it down, never up."""
    return replace(service, count=count, ready_min=min(service.ready_min, count))


def _lies_ahead(change: Change, now: datetime) -> bool:
    """A change that compares starts with a time still to come would replace for ever."""
    return isinstance(change, RestartBefore | DrainReplica) and change.started_before > now


def _apply(
    service: DesiredService, override: Override, described: DesiredService
) -> DesiredService:
    match override.change:
        case ScaleTo(count=count):
            # From what is described: how it was scaled before must leave nothing behind.
            sized = _scaled_by_hand(described, count)
            return replace(
                service,
                count=sized.count,
                ready_min=sized.ready_min,
                surge_max=sized.surge_max,
            )
        case RestartBefore(started_before=before):
            earlier = service.restart_before
            return replace(service, restart_before=max(before, earlier) if earlier else before)
        case DrainReplica(replica=replica, started_before=before):
            return replace(service, drained=service.drained | {(replica, before)})
        case LogAt(level=level):
            controls = Controls(level, override.expires_at) if level else Controls()
            return replace(service, controls=controls)


def _scaled_by_hand(service: DesiredService, count: int) -> DesiredService:
    """Scaling up keeps the described slack: a person who asks for more wants more kept ready."""
    slack = service.count - service.ready_min
    ready_min = max(0, count - slack) if count > service.count else min(service.ready_min, count)
    surge_max = service.surge_max if ready_min < count or service.surge_max else 1
    return replace(service, count=count, ready_min=ready_min, surge_max=surge_max)


def _sentence(override: Override) -> str:
    match override.change:
        case ScaleTo(count=count):
            what = f"scaled to {count}"
        case RestartBefore():
            what = "restarted"
        case DrainReplica(replica=replica):
            what = f"{replica} drained"
        case LogAt(level=level):
            what = f"log level {level or 'its own'}"
    why = f": {override.reason}" if override.reason else ""
    return f"{what} by {override.author} until {override.expires_at:%Y-%m-%d %H:%M %Z}{why}"
