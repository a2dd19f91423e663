"""What is to be watched: from what headwayd says of its environments to the things to fetch.

headwayd writes a `Watchlist`; the monitor reads it and aims at its `targets`. A target is known by
its labels: a replica that comes back at the same port goes on being the same target.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from headway.monitoring.series import Labels

WATCHLIST_VERSION = 1
METRICS_PATH = "/metrics"


class WatchlistError(ValueError):
    """What headwayd wrote cannot be understood."""


@dataclass(frozen=True, slots=True)
class WatchedReplica:
    replica: str
    service: str
    release: str
    address: str
    port: int
    pid: int
    life: int  # counts from 1
    ready: bool
    speaks_http: bool


@dataclass(frozen=True, slots=True)
class WatchedService:
    service: str
    wanted: int
    ready: int


@dataclass(frozen=True, slots=True)
class WatchedArrow:
    prefix: str  # what Envoy calls its listener in its statistics
    caller: str
    callee: str


@dataclass(frozen=True, slots=True)
class WatchedEnvironment:
    site: str
    environment: str
    services: tuple[WatchedService, ...] = ()
    replicas: tuple[WatchedReplica, ...] = ()
    arrows: tuple[WatchedArrow, ...] = ()
    keeper_pid: int = 0  # 0: none
    envoy_pid: int = 0
    envoy_admin: str = ""  # its Unix socket
    turns: int = 0
    turns_s: float = 0.0  # spent in all of them
    turns_within: tuple[tuple[float, int], ...] = ()  # length in seconds, how many took no longer


@dataclass(frozen=True, slots=True)
class Watchlist:
    headwayd_pid: int
    environments: tuple[WatchedEnvironment, ...] = ()
    version: int = WATCHLIST_VERSION


@dataclass(frozen=True, slots=True)
class Page:
    """Where `/metrics` is told."""

    host: str
    port: int
    path: str = METRICS_PATH

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class Admin:
    """An Envoy, and what its names mean to us."""

    socket: str
    arrows: tuple[WatchedArrow, ...]
    releases: tuple[tuple[str, str], ...]  # replica -> release

    @property
    def url(self) -> str:
        return f"unix:{self.socket}"


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that headwayd told, as a series of the target."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    labels: tuple[tuple[str, str], ...]
    fetch: Page | Admin | None = None
    pids: tuple[tuple[str, int], ...] = ()  # whose CPU, memory and files; by `process` label
    facts: tuple[Fact, ...] = ()
    life: int = 0  # another life may tell metrics although the one before told none

    @property
    def base(self) -> Labels:
        return dict(self.labels)


@cache
def _watchlist_type() -> TypeAdapter[Watchlist]:
    return TypeAdapter(Watchlist)


def written(watchlist: Watchlist) -> bytes:
    return _watchlist_type().dump_json(watchlist)


def read(text: bytes) -> Watchlist:
    try:
        watchlist = _watchlist_type().validate_json(text)
    except ValidationError as error:
        first: Any = error.errors()[0]
        raise WatchlistError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if watchlist.version != WATCHLIST_VERSION:
        raise WatchlistError(
            f"it is of version {watchlist.version}, this program reads {WATCHLIST_VERSION}"
        )
    return watchlist


def targets(watchlist: Watchlist) -> tuple[Target, ...]:
    """Everything to watch; no two have the same labels."""
    found = {target.labels: target for target in _targets(watchlist)}
    return tuple(found.values())


def _targets(watchlist: Watchlist) -> Iterator[Target]:
    yield Target(
        _labels(job="headwayd", instance="headwayd"),
        pids=(("", watchlist.headwayd_pid),),
    )
    for environment in watchlist.environments:
        yield from _of_environment(environment)


def _of_environment(environment: WatchedEnvironment) -> Iterator[Target]:
    where = {"site": environment.site, "environment": environment.environment}
    yield Target(
        _labels(job="headway", instance="loop", **where),
        pids=(("keeper", environment.keeper_pid),) if environment.keeper_pid else (),
        facts=tuple(_loop_facts(environment)),
    )
    if environment.envoy_admin:
        releases = tuple((r.replica, r.release) for r in environment.replicas)
        yield Target(
            _labels(job="envoy", instance="envoy", **where),
            fetch=Admin(environment.envoy_admin, environment.arrows, releases),
            pids=(("", environment.envoy_pid),) if environment.envoy_pid else (),
        )
    for replica in environment.replicas:
        yield _of_replica(replica, where)


def _of_replica(replica: WatchedReplica, where: Mapping[str, str]) -> Target:
    page = Page(replica.address, replica.port)
    labels = _labels(
        job=replica.service,
        service=replica.service,
        replica=replica.replica,
        release=replica.release,
        instance=f"{replica.address}:{replica.port}",
        **where,
    )
    facts = (
        Fact("headway_replica_starts_total", replica.life),
        Fact("headway_replica_ready", float(replica.ready)),
    )
    return Target(
        labels,
        fetch=page if replica.speaks_http else None,
        pids=(("", replica.pid),),
        facts=facts,
        life=replica.life,
    )


def _loop_facts(environment: WatchedEnvironment) -> Iterator[Fact]:
    for length_s, turns in (*environment.turns_within, ("+Inf", environment.turns)):
        yield Fact("headway_turn_seconds_bucket", turns, (("le", str(length_s)),))
    yield Fact("headway_turn_seconds_sum", environment.turns_s)
    yield Fact("headway_turn_seconds_count", environment.turns)
    for service in environment.services:
        labels = (("service", service.service),)
        yield Fact("headway_service_replicas_wanted", service.wanted, labels)
        yield Fact("headway_service_replicas_ready", service.ready, labels)


def _labels(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))
