"""One listener per arrow, and the entry: where requests come in, and what is believed of them.

Callers are our own processes on loopback, so their deadline headers count. Users' headers do not:
the entry strips every `x-envoy-…` that could set a timeout or a retry. Routes are kept apart
from listeners because a changed listener drains its connections and a changed route does not.
"""

from typing import Any

from headway.model.site import Protocol, Service
from headway.traffic.hashing import tcp_policy
from headway.traffic.rates import RETRY_AFTER_S, rate_filter
from headway.traffic.resources import SET, Resource, address, extension, resource, seconds
from headway.traffic.routes import CAP, CAP_TYPE, DOOR_HEADER, SILENCE_S, TABLE

LOOPBACK = "127.0.0.1"
ENTRY = "entry"
NOBODY = {"address_prefix": "255.255.255.255", "prefix_len": 32}
ROUTES_PATH = "./routes.json"
# Each is by chance among the replicas; one that was killed is drawn until its check has failed.
CONNECT_ATTEMPTS = 10
# nginx as a proxy speaks HTTP/1.0 unless it is told otherwise; Envoy would refuse it with a 426.
OLD_CLIENTS = {"accept_http_10": True, "default_host_for_http_10": "localhost"}
GOODBYE_S = 0.05
HEADERS_DUE_S = 10.0  # at the entry: a user who sends headers slower than this is cut off


def arrow_name(caller: str, callee: str) -> str:
    return f"{caller}>{callee}"


def arrow_listener(name: str, port: int, callee: Service, *, cluster_name: str) -> Resource:
    if callee.protocol is Protocol.TCP:
        proxy = _tcp_proxy(name, cluster_name, callee, from_users=False)
        return _listener(name, LOOPBACK, port, proxy)
    internal = {"address_prefix": "127.0.0.0", "prefix_len": 8}
    believed = {
        # Both are needed, or Envoy silently ignores the deadline that a caller sends.
        "use_remote_address": True,
        "internal_address_config": {"cidr_ranges": [internal]},
        "skip_xff_append": True,
        # The entry names a request, and callers pass the name on; see sdk/CONTRACT.md.
        "generate_request_id": False,
    }
    # A request with this header is taken for one from outside, and loses its deadline. Careless
    # callers copy it from the request that they answer.
    forget = {"remove": "x-forwarded-for"}
    # The routes say whose deadline header it drops; for all others it does not exist.
    filters = [{**extension(CAP, CAP_TYPE), "disabled": True}, *_limits(callee)]
    proxy = _http(name, callee.protocol, [forget], believed, filters)
    return _listener(name, LOOPBACK, port, proxy)


def entry_listener(
    bind_address: str, port: int, service: Service, *, cluster_name: str
) -> Resource:
    if service.protocol is Protocol.TCP:
        proxy = _tcp_proxy(ENTRY, cluster_name, service, from_users=True)
        return _listener(ENTRY, bind_address, port, proxy)
    guarded = {
        "use_remote_address": True,
        # Not even loopback is internal: a proxy in front may sit there. The list must not be empty,
        # because an empty one means everybody.
        "internal_address_config": {"cidr_ranges": [NOBODY]},
        "request_headers_timeout": seconds(HEADERS_DUE_S),
        "normalize_path": True,
    }
    proxy = _http(ENTRY, service.protocol, [], guarded, _limits(service))
    return _listener(ENTRY, bind_address, port, proxy)


def _limits(callee: Service) -> list[dict[str, Any]]:
    """Only where something is limited: the filter costs every request a little."""
    return [rate_filter()] if callee.overload.rate_per_s is not None else []


def _listener(name: str, host: str, port: int, proxy: dict[str, Any]) -> Resource:
    body = {
        "name": name,
        "address": address(host, port),
        # What lets a second Envoy take over: both listen while one leaves.
        "enable_reuse_port": True,
        "filter_chains": [{"filters": [proxy]}],
    }
    return resource(name, body)


def _http(
    name: str,
    protocol: Protocol,
    mutations: list[dict[str, Any]],
    trust: dict[str, Any],
    filters: list[dict[str, Any]],
) -> dict[str, Any]:
    router = extension(
        "envoy.filters.http.router",
        "envoy.extensions.filters.http.router.v3.Router",
        # Answers by status and by time are counted by the listener, so per arrow; to count them per
        # cluster as well costs every request some 4 % and tells nothing more.
        dynamic_stats=False,
    )
    source = {"path_config_source": {"path": ROUTES_PATH}, "resource_api_version": "V3"}
    door = {"append": {"header": {"key": DOOR_HEADER, "value": name}, "append_action": SET}}
    upgrades: dict[str, Any] = {}
    if protocol is Protocol.WEBSOCKET:
        # After the goodbyes a client waits for the connection's end; by default for a whole second.
        upgrades = {
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "delayed_close_timeout": seconds(GOODBYE_S),
        }
    return extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=name,
        rds={"route_config_name": TABLE, "config_source": source},
        early_header_mutation_extensions=[_mutation([*mutations, door])],
        http_filters=[*filters, router],
        http_protocol_options=OLD_CLIENTS,
        server_header_transformation="PASS_THROUGH",  # the answer is the service's, so is its name
        local_reply_config={"mappers": [_too_busy()]},
        **upgrades,
        **trust,
    )


def _too_busy() -> dict[str, Any]:
    """Refused by the cap per replica: the client may come back soon."""
    header = {"key": "retry-after", "value": str(RETRY_AFTER_S)}
    return {
        "filter": {"response_flag_filter": {"flags": ["UO"]}},
        "headers_to_add": [{"header": header}],
    }


def _mutation(mutations: list[dict[str, Any]]) -> dict[str, Any]:
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=mutations,
    )


def _tcp_proxy(
    name: str, cluster_name: str, service: Service, *, from_users: bool
) -> dict[str, Any]:
    """No deadline: nobody knows what a request is. Only connecting and silence have an end."""
    options: dict[str, Any] = {}
    if policy := tcp_policy(service.hash_key, from_users=from_users):
        options["hash_policy"] = policy
    return extension(
        "envoy.filters.network.tcp_proxy",
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        stat_prefix=name,
        cluster=cluster_name,
        max_connect_attempts=CONNECT_ATTEMPTS,
        idle_timeout=seconds(SILENCE_S),
        **options,
    )
