"""What Envoy is started with, and what it is asked about before a change: two small documents.

`bootstrap` never changes while Envoy runs; everything else is read from watched files, so an
Envoy that starts alone comes up with the last good configuration. `candidate` is a snapshot as one
static document, for `envoy --mode validate`, which refuses it whole where files would be applied in
part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headway.traffic.resources import Body, Resource, Snapshot, extension
from headway.traffic.routes import table

# Envoy refuses a path without a folder, so the folder is said.
CLUSTERS_PATH = "./clusters.json"
LISTENERS_PATH = "./listeners.json"
ADMIN_SOCKET_MODE = 0o600
# A late call ends with the status that gRPC has for it; otherwise it would look worth a retry.
RUNTIME = {"envoy.reloadable_features.grpc_timeout_returns_deadline_exceeded": True}


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these Envoy refuses connections rather than fall over."""

    connections: int
    heap_bytes: int


def bootstrap(node: str, admin_socket: str, limits: Limits) -> Body:
    pipe = {"path": admin_socket, "mode": ADMIN_SOCKET_MODE}
    return {
        "node": {"id": node, "cluster": "headway"},
        "admin": {"address": {"pipe": pipe}},
        "dynamic_resources": {
            "cds_config": _watched(CLUSTERS_PATH),
            "lds_config": _watched(LISTENERS_PATH),
        },
        "overload_manager": _overload(limits),
        "layered_runtime": {"layers": [{"name": "headway", "static_layer": RUNTIME}]},
    }


def candidate(snapshot: Snapshot) -> Body:
    """The structure without files to look into; every reference must resolve within."""
    routes = {r.name: r.body for r in snapshot.routes}
    return {
        "static_resources": {
            "clusters": [_without_endpoints(c) for c in snapshot.clusters],
            "listeners": [
                _with_routes(d, routes.get(d.name), dict(snapshot.rates))
                for d in snapshot.listeners
            ],
        }
    }


def _watched(path: str) -> dict[str, Any]:
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


def _overload(limits: Limits) -> dict[str, Any]:
    connections = extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=limits.connections,
    )
    heap = extension(
        "envoy.resource_monitors.fixed_heap",
        "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        max_heap_size_bytes=limits.heap_bytes,
    )
    return {
        "refresh_interval": "0.250s",
        "resource_monitors": [connections, heap],
        "actions": [
            _at_heap("envoy.overload_actions.disable_http_keepalive", 0.90),
            _at_heap("envoy.overload_actions.stop_accepting_requests", 0.95),
        ],
    }


def _at_heap(action: str, share: float) -> dict[str, Any]:
    trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": share}}
    return {"name": action, "triggers": [trigger]}


def _without_endpoints(cluster: Resource) -> Body:
    body = {k: v for k, v in cluster.body.items() if k != "eds_cluster_config"}
    return {**body, "type": "STATIC", "load_assignment": {"cluster_name": cluster.name}}


def _with_routes(listener: Resource, routes: Body | None, rates: Mapping[str, float]) -> Body:
    if routes is None:
        return listener.body
    (chain,) = listener.body["filter_chains"]
    (proxy,) = chain["filters"]
    config: Mapping[str, Any] = proxy["typed_config"]
    own = {"route_config": table([routes], rates)}
    inline = {**{k: v for k, v in config.items() if k != "rds"}, **own}
    filters = [{**proxy, "typed_config": inline}]
    return {**listener.body, "filter_chains": [{"filters": filters}]}
