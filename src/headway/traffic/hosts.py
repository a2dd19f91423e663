"""What Envoy says of each replica that it sends requests to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headway.model.ids import ReplicaId, ServiceName
from headway.traffic.clusters import service_of


@dataclass(frozen=True, slots=True)
class HostStats:
    """Counted since Envoy started; a replica may appear twice while a policy changes."""

    cluster: str
    service: ServiceName
    replica: ReplicaId
    address: str
    port: int
    passes_checks: bool
    put_aside: bool  # for its answers, between two checks
    requests: int
    errors: int  # 5xx and local failures
    active: int  # requests on their way now
    connections: int


def hosts(clusters_json: str) -> tuple[HostStats, ...]:
    """From `/clusters?format=json`."""
    clusters = json.loads(clusters_json).get("cluster_statuses", [])
    return tuple(_host(c["name"], h) for c in clusters for h in c.get("host_statuses", []))


def _host(cluster: str, host: Mapping[str, Any]) -> HostStats:
    where = host["address"]["socket_address"]
    health = host.get("health_status", {})
    counts = {s["name"]: int(s.get("value", 0)) for s in host.get("stats", [])}
    return HostStats(
        cluster=cluster,
        service=service_of(cluster),
        replica=ReplicaId(host.get("hostname", "")),
        address=where["address"],
        port=where["port_value"],
        passes_checks=not health.get("failed_active_health_check", False),
        put_aside=health.get("failed_outlier_check", False),
        requests=counts.get("rq_total", 0),
        errors=counts.get("rq_error", 0),
        active=counts.get("rq_active", 0),
        connections=counts.get("cx_active", 0),
    )
