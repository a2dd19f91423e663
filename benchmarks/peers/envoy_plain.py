"""The same Envoy with the least it needs: what Headway's own configuration adds is the rest."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.process import serving

from headway.traffic.io.envoy import find_envoy
from headway.traffic.resources import address, extension

NAME = "web"


def config(*, port: int, backends: Sequence[int]) -> dict[str, Any]:
    """One listener, one route, one cluster; the router is the only filter."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": NAME}}
    proxy = extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=NAME,
        route_config={"virtual_hosts": [{"name": NAME, "domains": ["*"], "routes": [route]}]},
        http_filters=[
            extension("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")
        ],
    )
    hosts = [{"endpoint": {"address": address("127.0.0.1", at)}} for at in backends]
    cluster = {
        "name": NAME,
        "type": "STATIC",
        "load_assignment": {"cluster_name": NAME, "endpoints": [{"lb_endpoints": hosts}]},
    }
    listener = {
        "name": NAME,
        "address": address("127.0.0.1", port),
        "filter_chains": [{"filters": [proxy]}],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


@asynccontextmanager
async def process(
    place: Path, *, port: int, backends: Sequence[int], workers: int
) -> AsyncIterator[int]:
    """Its pid. As many workers as the Envoy it is compared with."""
    file = place / "envoy.json"
    file.write_text(json.dumps(config(port=port, backends=backends)), encoding="utf-8")
    argv = (
        *(find_envoy(), "-c", file, "--concurrency", str(workers)),
        *("--use-dynamic-base-id", "--log-level", "error"),
    )
    async with serving(*argv, log=place / "envoy.log", port=port) as running:
        yield running.pid
