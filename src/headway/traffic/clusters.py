"""One cluster per callee: how its replicas are checked, chosen, capped and put aside.

A cluster is never changed in place, because Envoy would forget what it knows of every host's
health: its name carries the hash of its policy, so a changed policy is another cluster, and the
routes move over once that one is warm. Replicas come and go through the endpoints alone.

The numbers that need a reason:

* **Panic at 50 %.** When more than half of a service fails its checks at once, the check is suspect
  (overload makes every check slow), so Envoy goes on using all endpoints. That is right only
  because the endpoints hold exactly the replicas that may get traffic (docs/decisions/0005).
* **Idle connections are closed after 4 s**, below the 5 s after which uvicorn, Node and Apache
  close theirs. The side that closes first never writes into a closing connection; otherwise a POST
  could be lost in that race, and a POST must not be sent again.
* **`update_merge_window: 0s`**: by default health reaches the workers up to a second late.
* **`no_traffic_interval`**: by default an idle service is checked once a minute.
* **Least loaded is two random choices, with a bias of 0.** Envoy compares open requests only while
  all weights are equal. While a newcomer ramps up they differ, and then a bias of 1 would divide
  each weight by the open requests: the newcomer has none, so it would get far more than its weight
  says (docs/decisions/0008).
* **Hash is Maglev, by the name of the replica**, so that a replica that comes back at another port
  gets its own keys back, and one that leaves moves only its own (a ring moved 6 to 11 % of all
  others). Nobody gets more than twice its share of what is open: a hot key spills over.
* **The cap is per replica, over all of Envoy's workers.** A worker without any connection to a
  replica opens one whatever the cap says, so the cap leaves room for one of each other worker.
  Over HTTP/2 each worker has one connection, so the streams are divided among the workers. What is
  beyond waits for a free connection only if less than one replica's cap is waiting already.
* **Retries: 5 % of what is active, but always a quarter of one replica's cap**, so that requests
  that were on a dead or frozen replica go elsewhere at once. More would do harm: in overload every
  answer is late, so every GET asks for a rescue, and each rescue is work that nobody needs (64 and
  20 % cost a fifth of all good answers).
"""

from typing import Any

from headway.model.ids import ServiceName
from headway.model.site import Balance, Expect, Health, Protocol, Service
from headway.traffic.resources import Body, Resource, digest, resource, seconds, typed

PANIC_PERCENT = 50
CONNECT_TIMEOUT_S = 0.25
IDLE_TIMEOUT_S = 4.0
FAILED_CHECKS_TO_LEAVE = 2  # one lost check is chance
GOOD_CHECKS_TO_RETURN = 1
CHECK_JITTER_PERCENT = 10
RETRY_PERCENT = 5
RETRIES_MIN = 8
# A burst on a cold service waits for its connections here; refused beyond. Never less than this.
WAITING_MIN = 16
UNLIMITED = 1_000_000  # the cap that counts is the one per replica; Envoy's default would be 1024
EJECTION_MIN_S = 1.0
EJECTION_MAX_S = 5.0
EJECTED_PERCENT_MAX = 50
LEAST_REQUEST_BIAS = {"default_value": 0.0, "runtime_key": "headway.least_request_bias"}
HOT_PERCENT = 200  # of a fair share of the open requests; more of one key goes to the next replica
TABLE_SIZE = 65537  # of Maglev; a prime, and a hundred times more than replicas
OK_IN_HEX = "4f4b"
# The check's Host header. By default it is the cluster's name, which strict servers refuse.
CHECK_HOST = "localhost"
ENDPOINTS_FORMAT = ".pb"  # what tells Envoy how to read the file


def endpoints_path(cluster_name: str) -> str:
    """Where this cluster's endpoints are read from, relative to Envoy's directory."""
    return f"./endpoints/{cluster_name}{ENDPOINTS_FORMAT}"


def service_of(cluster_name: str) -> ServiceName:
    return ServiceName(cluster_name.partition("@")[0])


def by_key(cluster: Body) -> bool:
    """True when requests stick to replicas by a key."""
    return cluster.get("lb_policy") == "MAGLEV"


def cluster(service: Service, *, workers: int, check_every_s: float) -> Resource:
    """`workers` is how many threads of Envoy hold connections of their own."""
    policy = _policy(service, workers, check_every_s)
    # A cluster that reads another file would be a changed one, too.
    name = f"{service.name}@{digest([policy, ENDPOINTS_FORMAT])}"
    source = {"path_config_source": {"path": endpoints_path(name)}, "initial_fetch_timeout": "1s"}
    return resource(
        name,
        {
            "name": name,
            "type": "EDS",
            "eds_cluster_config": {"eds_config": {**source, "resource_api_version": "V3"}},
            **policy,
        },
    )


def _policy(service: Service, workers: int, check_every_s: float) -> dict[str, Any]:
    return {
        "connect_timeout": seconds(CONNECT_TIMEOUT_S),
        **_balance(service.balance),
        "health_checks": [_check(service.health, service.protocol, check_every_s)],
        # Without this a removed replica keeps its traffic for as long as it passes its checks.
        "ignore_health_on_host_removal": True,
        "outlier_detection": _outliers(),
        "circuit_breakers": _caps(service, workers),
        **_protocol(service, workers),
    }


def _balance(balance: Balance) -> dict[str, Any]:
    common: dict[str, Any] = {
        "healthy_panic_threshold": {"value": PANIC_PERCENT},
        "update_merge_window": "0s",
    }
    match balance:
        case Balance.ROUND_ROBIN | Balance.WEIGHTED:
            return {"lb_policy": "ROUND_ROBIN", "common_lb_config": common}
        case Balance.HASH:
            bounded = {"consistent_hashing_lb_config": {"hash_balance_factor": HOT_PERCENT}}
            return {
                "lb_policy": "MAGLEV",
                "maglev_lb_config": {"table_size": TABLE_SIZE},
                "common_lb_config": {**common, **bounded},
            }
        case Balance.LEAST_LOADED:
            chosen = {"choice_count": 2, "active_request_bias": LEAST_REQUEST_BIAS}
            return {
                "lb_policy": "LEAST_REQUEST",
                "least_request_lb_config": chosen,
                "common_lb_config": common,
            }


def _check(health: Health, protocol: Protocol, every_s: float) -> dict[str, Any]:
    every = seconds(every_s)
    return {
        "timeout": seconds(health.timeout_s),
        "interval": every,
        # Or all replicas would for ever be asked at the same moment.
        "interval_jitter_percent": CHECK_JITTER_PERCENT,
        "no_traffic_interval": every,
        "no_traffic_healthy_interval": every,
        "unhealthy_interval": every,
        "unhealthy_edge_interval": every,
        "healthy_edge_interval": every,
        "unhealthy_threshold": FAILED_CHECKS_TO_LEAVE,
        "healthy_threshold": GOOD_CHECKS_TO_RETURN,
        **_question(health, protocol),
    }


def _question(health: Health, protocol: Protocol) -> dict[str, Any]:
    asked: dict[str, Any] = {"host": CHECK_HOST, "path": health.path}
    if protocol is Protocol.GRPC:
        asked["codec_client_type"] = "HTTP2"
    match health.expect:
        case Expect.OK:
            # `receive` only asks for "contains". Two bytes of buffer make it "begins with"; that
            # the answer is *exactly* OK is asked by Headway's own prober.
            body = {"receive": [{"text": OK_IN_HEX}], "response_buffer_size": 2}
            return {"http_health_check": {**asked, **body, **_statuses(200, 201)}}
        case Expect.STATUS:
            return {"http_health_check": {**asked, **_statuses(200, 300)}}
        case Expect.CONNECT:
            return {"tcp_health_check": {}}


def _statuses(first: int, end: int) -> dict[str, Any]:
    return {"expected_statuses": [{"start": first, "end": end}]}


def _outliers() -> dict[str, Any]:
    """Put a replica aside by what its answers say, between and beside the checks."""
    return {
        "consecutive_5xx": 10,
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        # Statistics over a handful of replicas put aside the innocent.
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_failure_percentage": 0,
        "interval": seconds(EJECTION_MIN_S),
        "base_ejection_time": seconds(EJECTION_MIN_S),
        "max_ejection_time": seconds(EJECTION_MAX_S),
        "max_ejection_percent": EJECTED_PERCENT_MAX,
    }


def _caps(service: Service, workers: int) -> dict[str, Any]:
    in_flight = service.overload.in_flight
    one_each = service.protocol is Protocol.GRPC  # one connection carries all requests at once
    connections = 1 if one_each else max(1, in_flight - (workers - 1))
    return {
        "thresholds": [
            {
                "max_connections": UNLIMITED,
                "max_requests": UNLIMITED,
                "max_pending_requests": max(in_flight, WAITING_MIN),
                "retry_budget": {
                    "budget_percent": {"value": RETRY_PERCENT},
                    "min_retry_concurrency": max(in_flight // 4, RETRIES_MIN),
                },
            }
        ],
        "per_host_thresholds": [{"max_connections": connections}],
    }


def _protocol(service: Service, workers: int) -> dict[str, Any]:
    if service.protocol is Protocol.TCP:
        return {}
    spoken: dict[str, Any] = {"http_protocol_options": {}}
    if service.protocol is Protocol.GRPC:
        streams = {"max_concurrent_streams": max(1, service.overload.in_flight // workers)}
        spoken = {"http2_protocol_options": streams}
    options = typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config=spoken,
        common_http_protocol_options={"idle_timeout": seconds(IDLE_TIMEOUT_S)},
    )
    key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {"typed_extension_protocol_options": {key: options}}
