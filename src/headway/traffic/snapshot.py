"""Envoy's whole configuration at one moment, from what should be true and who may get traffic.

Promises (tests/unit/traffic checks them): the same facts give the same versions, in whatever order
they come; the endpoints hold exactly the replicas given and no others; when only replicas come or
go, the structure stays; every cluster that is named exists.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

from headway.model.desired import Desired, DesiredService
from headway.model.ids import ServiceName
from headway.model.rotation import Share
from headway.model.site import Protocol
from headway.traffic.checks import check_intervals_s
from headway.traffic.clusters import by_key, cluster, service_of
from headway.traffic.endpoints import Member, endpoints
from headway.traffic.listeners import ENTRY, arrow_listener, arrow_name, entry_listener
from headway.traffic.resources import Endpoints, Resource, Snapshot
from headway.traffic.routes import arrow_routes, entry_routes


def snapshot(
    desired: Desired, rotation: Sequence[Share], *, entry_address: str, workers: int
) -> Snapshot:
    """`rotation` is believed: who is in it gets traffic, who is not gets none."""
    return with_endpoints(
        structure(desired, entry_address=entry_address, workers=workers), rotation
    )


def structure(desired: Desired, *, entry_address: str, workers: int) -> Snapshot:
    """All but the endpoints: what stays the same while replicas come and go."""
    called = {name: desired.services[name] for name in _callees(desired)}
    every_s = check_intervals_s(called)
    clusters = {
        name: cluster(wish.service, workers=workers, check_every_s=every_s[name])
        for name, wish in called.items()
    }
    rates = {clusters[name].name: _rate_per_s(wish) for name, wish in called.items()}
    doors = [*_arrows(desired, clusters), *_entry(desired, clusters, entry_address)]
    return Snapshot(
        clusters=_by_name(clusters.values()),
        endpoints=(),
        listeners=_by_name(listener for listener, _ in doors),
        routes=_by_name(routes for _, routes in doors if routes),
        replicas=frozenset(),
        rates=tuple(sorted((name, rate) for name, rate in rates.items() if rate is not None)),
    )


def with_retired(now: Snapshot, retired: Iterable[Resource]) -> Snapshot:
    """Keep clusters that no new request goes to, for those that are still on their way.

    They get endpoints like all others: a replica that leaves leaves everywhere.
    """
    known = {c.name for c in now.clusters}
    kept = [c for c in retired if c.name not in known]
    return replace(now, clusters=_by_name([*now.clusters, *kept]))


def with_endpoints(now: Snapshot, rotation: Sequence[Share]) -> Snapshot:
    """Every cluster with the replicas of its service."""
    by_service: dict[ServiceName, list[Share]] = {service_of(c.name): [] for c in now.clusters}
    for share in rotation:
        service = share.replica.process.service
        if service in by_service:
            by_service[service].append(share)
    made = [
        _endpoints(c.name, by_service[service_of(c.name)], named=by_key(c.body))
        for c in now.clusters
    ]
    replicas = frozenset(s.replica.id for shares in by_service.values() for s in shares)
    return replace(now, endpoints=tuple(made), replicas=replicas)


def _endpoints(cluster_name: str, shares: Iterable[Share], *, named: bool) -> Endpoints:
    # By address, so that two lives that claim the same one count once.
    latest_last = sorted(shares, key=lambda s: s.replica.process.incarnation)
    by_address = {(s.replica.process.address, s.replica.process.port): s for s in latest_last}
    members = [_member(share) for _, share in sorted(by_address.items(), key=itemgetter(0))]
    return endpoints(cluster_name, members, named=named)


def _member(share: Share) -> Member:
    process = share.replica.process
    return Member(process.replica, process.address, process.port, share.weight, far=not share.near)


def _rate_per_s(wish: DesiredService) -> float | None:
    """Of all replicas together that are wanted; who is away for a moment is not missed."""
    service = wish.service
    if service.overload.rate_per_s is None or service.protocol is Protocol.TCP:
        return None
    return service.overload.rate_per_s * max(1, wish.count)


def _callees(desired: Desired) -> list[ServiceName]:
    """Services that anyone can call. The others need no cluster."""
    called = {arrow.callee for arrow in desired.arrows}
    entered = {desired.entry.service} if desired.entry else set()
    return sorted(called | entered)


Door = tuple[Resource, Resource | None]  # a listener and, unless it is TCP, its routes


def _arrows(desired: Desired, clusters: Mapping[ServiceName, Resource]) -> Iterable[Door]:
    for arrow in desired.arrows:
        callee = desired.services[arrow.callee].service
        name = arrow_name(arrow.caller, arrow.callee)
        to = clusters[arrow.callee].name
        listener = arrow_listener(name, arrow.port, callee, cluster_name=to)
        routes = arrow_routes(name, to, callee, deadline_s=arrow.deadline_s)
        yield listener, None if callee.protocol is Protocol.TCP else routes


def _entry(
    desired: Desired, clusters: Mapping[ServiceName, Resource], bind_address: str
) -> Iterable[Door]:
    entry = desired.entry
    if entry is None:
        return
    assert entry.port is not None, "the planner fixes the entry's port"
    service = desired.services[entry.service].service
    to = clusters[entry.service].name
    listener = entry_listener(bind_address, entry.port, service, cluster_name=to)
    budget_s = desired.latency_budget_s
    routes = entry_routes(ENTRY, to, service, timeout_s=entry.timeout_s, budget_s=budget_s)
    yield listener, None if service.protocol is Protocol.TCP else routes


def _by_name(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple(sorted(resources, key=lambda r: r.name))
