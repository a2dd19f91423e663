"""The shapes -> `model.Site`: every default that depends on something else is decided here."""

from dataclasses import dataclass

from headway.model.ids import PRODUCTION, EnvironmentName, HostName, ServiceName, SiteName
from headway.model.site import (
    Balance,
    Call,
    DescribedHost,
    Entry,
    Expect,
    Health,
    Kind,
    Overload,
    Protocol,
    Resources,
    SecretSource,
    Service,
    Site,
)
from headway.site.shape import HealthShape, ServiceShape, SiteShape
from headway.site.tree import Path

# Their answers cannot be asked for with a GET of HTTP/1.1.
SPEAKS_NO_HTTP = frozenset({Protocol.TCP, Protocol.GRPC})


@dataclass(frozen=True, slots=True)
class Size:
    """How many of a service there are."""

    replicas: int
    ready_min: int
    surge_max: int


def size_of(name: str, service: ServiceShape, overridden: frozenset[Path]) -> Size:
    """Fill in `ready_min`; an environment that changes `replicas` takes it along."""
    replicas, surge_max = service.replicas, service.surge_max
    usual = max(1, replicas - 1) if replicas >= 2 else replicas
    if service.kind is Kind.JOB:
        return Size(replicas, 0, surge_max)
    if service.ready_min is None:
        return Size(replicas, usual, surge_max)
    here = ("services", name)
    if (*here, "replicas") in overridden and (*here, "ready_min") not in overridden:
        # `"*.replicas": 1` must not need a second line for everything that rests on it.
        room = 0 if surge_max else 1
        return Size(replicas, max(0, min(service.ready_min, usual, replicas - room)), surge_max)
    return Size(replicas, service.ready_min, surge_max)


def build(site: SiteShape, environment: EnvironmentName, overridden: frozenset[Path]) -> Site:
    """The site as everyone else knows it. Only for shapes in which no rule found an error."""
    owner = site.owner or site.site
    services = {
        ServiceName(name): _service(name, service, owner, overridden)
        for name, service in site.services.items()
    }
    secrets = {
        name: SecretSource(file=secret.file, command=secret.exec or ())
        for name, secret in site.secrets.items()
    }
    entry = Entry(
        service=ServiceName(site.entry.service),
        port=entry_port(site, environment, overridden),
        timeout_s=site.entry.timeout,
    )
    return Site(
        name=SiteName(site.site),
        owner=owner,
        entry=entry,
        services=services,
        latency_budget_s=site.latency_budget,
        secrets=secrets,
        hosts=tuple(
            DescribedHost(HostName(name), zone=host.zone or name, weight=host.weight)
            for name, host in sorted(site.hosts.items())
        ),
    )


def entry_port(
    site: SiteShape, environment: EnvironmentName, overridden: frozenset[Path]
) -> int | None:
    """Production's port is production's alone; other environments name their own, or take any."""
    is_own = ("entry",) in overridden or ("entry", "port") in overridden
    return site.entry.port if environment == PRODUCTION or is_own else None


def _service(name: str, service: ServiceShape, owner: str, overridden: frozenset[Path]) -> Service:
    size = size_of(name, service, overridden)
    calls = (
        Call(callee=ServiceName(callee), deadline_s=call.deadline, optional=call.optional)
        for callee, call in sorted(service.calls.items())
    )
    return Service(
        name=ServiceName(name),
        owner=service.owner or owner,
        run=service.run,
        kind=service.kind,
        protocol=service.protocol,
        replicas=size.replicas,
        ready_min=size.ready_min,
        surge_max=size.surge_max,
        health=_health(service.health, service.protocol),
        balance=service.balance,
        weights=(service.weight or ()) if service.balance is Balance.WEIGHTED else (),
        hash_key=service.hash if service.balance is Balance.HASH else None,
        slow_start_s=service.slow_start,
        spread=service.spread,
        calls=tuple(calls),
        drain_s=service.drain,
        overload=Overload(in_flight=service.overload.in_flight, rate_per_s=service.overload.rate),
        resources=Resources(cpu=service.resources.cpu, memory_bytes=service.resources.memory),
        env=dict(sorted(service.env.items())),
        files=tuple(sorted(set(service.files))),
    )


def _health(health: HealthShape, protocol: Protocol) -> Health:
    usual = Expect.CONNECT if protocol in SPEAKS_NO_HTTP else Expect.OK
    return Health(
        path=health.path or Health().path,
        expect=health.expect or usual,
        every_s=health.every,
        timeout_s=health.timeout,
        start_s=health.start,
    )
