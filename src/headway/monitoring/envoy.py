"""What Envoy counts, told in our own words: per arrow, and per replica with its release.

Of its thousands of statistics only those that say how users are served. An arrow is known by the
name of its listener; what came to no arrow (Envoy's own admin) is left out.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headway.monitoring.targets import WatchedArrow

# What to ask for. Envoy compares this with the names of its statistics, written with dots.
STATS_PATH = (
    "/stats/prometheus?filter="
    "%5Ehttp%5C..%2A%5C.downstream_(rq_(%5B1-5%5Dxx%7Ctime)%7Crq_active)%24%7C"
    "%5Etcp%5C..%2A%5C.downstream_cx_total%24"
)
CLUSTERS_PATH = "/clusters?format=json"
LINE = re.compile(r"(\w+)\{(.*)\} (\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
PREFIXES = ("envoy_http_conn_manager_prefix", "envoy_tcp_prefix")
HEADER = (
    "# TYPE headway_requests_total counter",
    "# HELP headway_requests_total Requests answered on an arrow, by class of the status.",
    "# TYPE headway_request_seconds histogram",
    "# HELP headway_request_seconds Time until the whole answer was sent, as Envoy saw it.",
    "# TYPE headway_requests_active gauge",
    "# HELP headway_requests_active Requests that are on their way now.",
    "# TYPE headway_connections_total counter",
    "# HELP headway_connections_total Connections to a service that speaks no HTTP.",
    "# TYPE headway_replica_requests_total counter",
    "# HELP headway_replica_requests_total Requests that were sent to a replica.",
    "# TYPE headway_replica_errors_total counter",
    "# HELP headway_replica_errors_total Of those: a status of 5xx, or no answer at all.",
    "# TYPE headway_replica_requests_active gauge",
    "# HELP headway_replica_requests_active Requests that a replica holds now.",
    "# TYPE headway_replica_in_rotation gauge",
    "# HELP headway_replica_in_rotation 1 while the replica passes Envoy's own check.",
)


def told(
    stats: str,
    clusters: str,
    arrows: Sequence[WatchedArrow],
    releases: Mapping[str, str],
) -> str:
    """Prometheus text with our names."""
    lines = [*HEADER, *_of_arrows(stats, arrows), *_of_replicas(clusters, releases)]
    return "\n".join([*lines, ""])


def _of_arrows(stats: str, arrows: Sequence[WatchedArrow]) -> Iterator[str]:
    by_prefix = {arrow.prefix: arrow for arrow in arrows}
    for line in stats.split("\n"):
        found = LINE.fullmatch(line)
        if found is None:
            continue
        labels = dict(LABEL.findall(found[2]))
        prefix = next((labels[name] for name in PREFIXES if name in labels), "")
        arrow = by_prefix.get(prefix)
        if arrow is not None:
            said = _arrow_line(found[1], labels, found[3])
            if said is not None:
                name, more, value = said
                where = f'caller="{arrow.caller}",service="{arrow.callee}"'
                yield f"{name}{{{where}{more}}} {value}"


def _arrow_line(name: str, labels: Mapping[str, str], value: str) -> tuple[str, str, str] | None:
    match name:
        case "envoy_http_downstream_rq_xx":
            code = labels.get("envoy_response_code_class", "")
            return "headway_requests_total", f',code="{code}xx"', value
        case "envoy_http_downstream_rq_time_bucket":
            return "headway_request_seconds_bucket", f',le="{_seconds(labels["le"])}"', value
        case "envoy_http_downstream_rq_time_sum":
            return "headway_request_seconds_sum", "", _seconds(value)
        case "envoy_http_downstream_rq_time_count":
            return "headway_request_seconds_count", "", value
        case "envoy_http_downstream_rq_active":
            return "headway_requests_active", "", value
        case "envoy_tcp_downstream_cx_total":
            return "headway_connections_total", "", value
        case _:
            return None


def _seconds(milliseconds: str) -> str:
    return milliseconds if "Inf" in milliseconds else repr(float(milliseconds) / 1000)


def _of_replicas(clusters: str, releases: Mapping[str, str]) -> Iterator[str]:
    """A replica stands in two clusters while a policy changes; what it did in both is summed."""
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for cluster in json.loads(clusters).get("cluster_statuses", []):
        service = str(cluster["name"]).partition("@")[0]
        for host in cluster.get("host_statuses", []):
            counted = sums.setdefault((service, str(host.get("hostname", ""))), {})
            for name, count in _host(host).items():
                counted[name] = counted.get(name, 0) + count
    for (service, replica), counted in sums.items():
        if replica not in releases:
            continue  # it has left
        labels = f'service="{service}",replica="{replica}",release="{releases[replica]}"'
        for name, count in counted.items():
            yield f"headway_replica_{name}{{{labels}}} {count}"


def _host(host: Mapping[str, Any]) -> dict[str, int]:
    counts = {s["name"]: int(s.get("value", 0)) for s in host.get("stats", [])}
    failed = host.get("health_status", {}).get("failed_active_health_check", False)
    return {
        "requests_total": counts.get("rq_total", 0),
        "errors_total": counts.get("rq_error", 0),
        "requests_active": counts.get("rq_active", 0),
        "in_rotation": int(not failed),
    }
