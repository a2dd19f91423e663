"""From a checked description to what is desired when nobody overrides anything."""

from collections.abc import Iterable, Mapping

from headway.model.desired import Arrow, Desired, DesiredService
from headway.model.ids import EnvironmentId, ServiceName
from headway.model.release import Release
from headway.model.site import Entry, Protocol, Service, Site
from headway.planning.order import callees_first
from headway.releases.package import launch

ENTRY_PORT = "entry"  # its key among the ports of an environment


def arrow_key(caller: ServiceName, callee: ServiceName) -> str:
    return f"{caller}>{callee}"


def port_keys(site: Site) -> tuple[str, ...]:
    """Everything that needs a port of Envoy; the entry only when no port was described."""
    entry = () if site.entry.port is not None else (ENTRY_PORT,)
    arrows = (
        arrow_key(service.name, call.callee)
        for service in site.services.values()
        for call in service.calls
    )
    return (*entry, *arrows)


def describe(
    site: Site,
    environment: EnvironmentId,
    *,
    releases: Mapping[ServiceName, Release],
    ports: Mapping[str, int],
    directory: str,
) -> Desired:
    services = {
        name: _service(site, site.services[name], releases[name], ports, directory)
        for name in callees_first(site.services)  # a caller that starts finds its callees
    }
    port = site.entry.port if site.entry.port is not None else ports[ENTRY_PORT]
    return Desired(
        environment=environment,
        services=services,
        arrows=tuple(_arrows(site.services.values(), ports)),
        entry=Entry(site.entry.service, port, site.entry.timeout_s),
        latency_budget_s=site.latency_budget_s,
        hosts=site.hosts,
    )


def _service(
    site: Site, service: Service, release: Release, ports: Mapping[str, int], directory: str
) -> DesiredService:
    urls = [
        (call.callee, _url(site.services[call.callee], ports[arrow_key(service.name, call.callee)]))
        for call in service.calls
    ]
    return DesiredService(
        service=service,
        release=release,
        launch=launch(service, directory=directory, callee_urls=urls),
        count=service.replicas,
        ready_min=service.ready_min,
        surge_max=service.surge_max,
    )


def _url(callee: Service, port: int) -> str:
    scheme = {Protocol.TCP: "tcp", Protocol.WEBSOCKET: "ws"}.get(callee.protocol, "http")
    return f"{scheme}://127.0.0.1:{port}"


def _arrows(services: Iterable[Service], ports: Mapping[str, int]) -> Iterable[Arrow]:
    for service in services:
        for call in service.calls:
            port = ports[arrow_key(service.name, call.callee)]
            yield Arrow(service.name, call.callee, port, call.deadline_s)
