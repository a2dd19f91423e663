"""What the monitor is told to watch: the environments as their loops saw them last."""

import os
from collections.abc import Iterable, Iterator

from headway.api.running import Running
from headway.loop.turn import Turn
from headway.loop.turn_times import BOUNDS_S
from headway.model.ids import ServiceName
from headway.model.observed import Phase, SeenReplica
from headway.model.site import Kind, Protocol
from headway.monitoring.targets import (
    WatchedArrow,
    WatchedEnvironment,
    WatchedReplica,
    WatchedService,
    Watchlist,
)
from headway.traffic.listeners import ENTRY, arrow_name

USERS = "users"  # who comes in through the entry
ASKED = frozenset({Protocol.HTTP, Protocol.WEBSOCKET})  # who speaks HTTP/1.1


def watchlist(all_running: Iterable[Running]) -> Watchlist:
    found = sorted((_environment(r) for r in all_running), key=lambda e: (e.site, e.environment))
    return Watchlist(os.getpid(), tuple(found))


def _environment(running: Running) -> WatchedEnvironment:
    support, times, last = running.support(), running.environment.times, running.environment.last
    return WatchedEnvironment(
        site=running.stored.id.site,
        environment=running.stored.id.name,
        services=tuple(_services(last)) if last else (),
        replicas=tuple(_replicas(last)) if last else (),
        arrows=tuple(_arrows(last)) if last else (),
        keeper_pid=support.keeper_pid,
        envoy_pid=support.envoy_pid,
        envoy_admin=support.envoy_admin,
        turns=times.turns,
        turns_s=round(times.sum_s, 6),
        turns_within=tuple(zip(BOUNDS_S, times.within, strict=True)),
    )


def _services(last: Turn) -> Iterator[WatchedService]:
    for name, wish in last.desired.services.items():
        if wish.service.kind is Kind.SERVICE:
            step = last.steps.get(name)
            replicas = step.replicas if step else ()
            ready = sum(replica.phase is Phase.READY for replica in replicas)
            yield WatchedService(name, wish.count, ready)


def _replicas(last: Turn) -> Iterator[WatchedReplica]:
    for name, step in last.steps.items():
        asked = _speaks_http(last, name)
        for replica in step.replicas:
            if replica.process.exit is None and replica.process.pid > 0:
                yield _replica(replica, speaks_http=asked)


def _replica(replica: SeenReplica, *, speaks_http: bool) -> WatchedReplica:
    process = replica.process
    return WatchedReplica(
        replica=process.replica,
        service=process.service,
        release=process.release,
        address=process.address,
        port=process.port,
        pid=process.pid,
        life=process.incarnation,
        ready=replica.phase is Phase.READY,
        # A starting one is busy, and one with an objection may be anybody.
        speaks_http=speaks_http and replica.phase is not Phase.STARTING and not process.objection,
    )


def _speaks_http(last: Turn, name: ServiceName) -> bool:
    wish = last.desired.services.get(name)
    if wish is None:
        return False  # it is leaving
    return wish.service.kind is Kind.SERVICE and wish.service.protocol in ASKED


def _arrows(last: Turn) -> Iterator[WatchedArrow]:
    if last.desired.entry is not None:
        yield WatchedArrow(ENTRY, USERS, last.desired.entry.service)
    for arrow in last.desired.arrows:
        yield WatchedArrow(arrow_name(arrow.caller, arrow.callee), arrow.caller, arrow.callee)
