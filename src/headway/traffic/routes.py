"""The routes of one door (an arrow, the entry): how long an answer may take, who is asked again.

All doors share one route table, because Envoy takes a file watch of the kernel for each table, and
a user has few of them (`io/watches.py`). Every listener writes its name into `headway-door`, which
is looked up in the table and taken away again; what a client sent under that name is overwritten.

Three kinds of requests are told apart by their method:

* **safe** (GET, HEAD, OPTIONS, TRACE): asked again on another replica after any failure. When no
  answer came by `rescue_s`, another replica is asked *as well* and the first answer wins: the
  rescue of requests that are stuck on a frozen replica, long before the deadline.
* **idempotent** (PUT, DELETE): asked again after a failure, never beside the first: a frozen
  replica that wakes up could otherwise write an old value over a newer one.
* **all others** (POST, gRPC, upgrades): sent again only when no byte of them can have left Envoy.

The deadline is the route's timeout, and Envoy tells it to the service in
`x-envoy-expected-rq-timeout-ms` (the whole of it, also when a rescue is armed). At the entry that
is the limit after which a user gets a 504. The *latency budget* is an objective and cuts nothing;
the entry tells it in a header of its own, `headway-budget-ms`, taken from nobody else. A service
gives up by the smaller of the two, and passes what is left as `x-envoy-upstream-rq-timeout-ms`.

That header would replace the deadline, also by a longer one, or by none at all (`0`). So an arrow
has its routes three times: for callers that send no such header, for those with less time left than
the deadline, and for all others, whose header is dropped (by the filter `CAP`, because a route's
own removal comes too late). Only these last ones pay for that filter.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headway.model.site import Protocol, Service
from headway.traffic.hashing import http_policy
from headway.traffic.rates import rate_limits
from headway.traffic.resources import SET, Body, Resource, extension, resource, seconds, typed

DOOR_HEADER = "headway-door"
TABLE = "doors"
BUDGET_HEADER = "headway-budget-ms"
LEFT_HEADER = "x-envoy-upstream-rq-timeout-ms"
CAP = "envoy.filters.http.header_mutation"
CAP_TYPE = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
DEADLINE_S = 15.0  # of an arrow that names none
RESCUE_S = 2.0  # where neither a deadline nor a budget says what slow means
# The commonest are asked for first and by name, which is cheaper than by a regular expression.
COMMON_SAFE_METHOD, COMMON_OTHER_METHOD = "GET", "POST"
SAFE_METHODS = "HEAD|OPTIONS|TRACE"
IDEMPOTENT_METHODS = "PUT|DELETE"
RETRIES = 3
# Each choice is by chance among the others; a dead replica looks idle, so it is drawn often.
CHOICES_TO_FIND_ANOTHER = 20
SILENCE_S = 3600.0  # an upgraded connection or one of TCP on which nobody says anything is ended

ON_ANY_FAILURE = "connect-failure,refused-stream,reset,reset-before-request,gateway-error"
ON_NOTHING_SENT = "connect-failure,refused-stream,reset-before-request"


def arrow_routes(
    name: str, cluster_name: str, callee: Service, *, deadline_s: float | None
) -> Resource:
    timeout_s = DEADLINE_S if deadline_s is None else deadline_s
    rescue_s = RESCUE_S if deadline_s is None else deadline_s / 2
    action = _action(cluster_name, callee, timeout_s=timeout_s, from_users=False)
    routes = _routes(action, callee.protocol, rescue_s=rescue_s)
    absent = {"name": LEFT_HEADER, "present_match": True, "invert_match": True}
    # `0` would mean no end at all.
    less = {"name": LEFT_HEADER, "range_match": {"start": "1", "end": str(round(timeout_s * 1000))}}
    by_time_left = [_if(route, header) for header in (absent, less) for route in routes]
    # A budget is the entry's word about one request of a user; copied onwards it would be stale.
    return _door(name, [*by_time_left, *map(_capped, routes)], budget=None)


def entry_routes(
    name: str, cluster_name: str, service: Service, *, timeout_s: float, budget_s: float | None
) -> Resource:
    rescue_s = min(RESCUE_S if budget_s is None else budget_s, timeout_s / 2)
    action = _action(cluster_name, service, timeout_s=timeout_s, from_users=True)
    routes = _routes(action, service.protocol, rescue_s=rescue_s)
    return _door(name, routes, budget=None if budget_s is None else str(round(budget_s * 1000)))


def table(doors: Iterable[Body], rates: Mapping[str, float]) -> Body:
    """The table that all listeners look into; `rates` are requests per second by cluster."""
    body: dict[str, Any] = {
        "name": TABLE,
        "vhost_header": DOOR_HEADER,
        "virtual_hosts": list(doors),
    }
    if rates:
        body["typed_per_filter_config"] = rate_limits(rates)
    return body


def _door(name: str, routes: list[dict[str, Any]], *, budget: str | None) -> Resource:
    body: dict[str, Any] = {
        "name": name,
        "domains": [name],
        "routes": routes,
        "request_headers_to_remove": [DOOR_HEADER, BUDGET_HEADER],
    }
    if budget is not None:
        header = {"key": BUDGET_HEADER, "value": budget}
        body["request_headers_to_add"] = [{"header": header, "append_action": SET}]
    return resource(name, body)


def _action(
    cluster_name: str, service: Service, *, timeout_s: float, from_users: bool
) -> dict[str, Any]:
    action: dict[str, Any] = {"cluster": cluster_name, "timeout": seconds(timeout_s)}
    if service.protocol is Protocol.GRPC:
        # Makes `grpc-timeout` count, but only to shorten, and tells the callee what is left.
        action["max_grpc_timeout"] = seconds(timeout_s)
    if policy := http_policy(service.hash_key, from_users=from_users):
        action["hash_policy"] = policy
    return action


def _routes(action: dict[str, Any], protocol: Protocol, *, rescue_s: float) -> list[dict[str, Any]]:
    careful = {**action, "retry_policy": _retries(ON_NOTHING_SENT)}
    last: dict[str, Any] = {"match": {"prefix": "/"}, "route": careful}
    if protocol is Protocol.GRPC:
        return [last]
    safe = {
        **action,
        "retry_policy": {**_retries(ON_ANY_FAILURE), "per_try_timeout": seconds(rescue_s)},
        "hedge_policy": {"hedge_on_per_try_timeout": True},
    }
    idempotent = {**action, "retry_policy": _retries(ON_ANY_FAILURE)}
    by_method: list[dict[str, Any]] = [
        {"match": _method({"exact": COMMON_SAFE_METHOD}), "route": safe},
        {"match": _method({"exact": COMMON_OTHER_METHOD}), "route": careful},
        {"match": _method({"safe_regex": {"regex": SAFE_METHODS}}), "route": safe},
        {"match": _method({"safe_regex": {"regex": IDEMPOTENT_METHODS}}), "route": idempotent},
        last,
    ]
    if protocol is Protocol.WEBSOCKET:
        upgrade = {"prefix": "/", "headers": [{"name": "upgrade", "present_match": True}]}
        lasting = {**careful, "idle_timeout": seconds(SILENCE_S)}
        return [{"match": upgrade, "route": lasting}, *by_method]
    return by_method


def _if(route: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """The same, for requests that bear this header; asked first, before methods are compared."""
    match = route["match"]
    return {**route, "match": {**match, "headers": [header, *match.get("headers", [])]}}


def _capped(route: dict[str, Any]) -> dict[str, Any]:
    dropped = {"request_mutations": [{"remove": LEFT_HEADER}]}
    return {
        **route,
        "typed_per_filter_config": {CAP: typed(CAP_TYPE + "PerRoute", mutations=dropped)},
    }


def _method(which: dict[str, Any]) -> dict[str, Any]:
    return {"prefix": "/", "headers": [{"name": ":method", "string_match": which}]}


def _retries(retry_on: str) -> dict[str, Any]:
    elsewhere = extension(
        "envoy.retry_host_predicates.previous_hosts",
        "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    )
    return {
        "retry_on": retry_on,
        "num_retries": RETRIES,
        "retry_host_predicate": [elsewhere],
        "host_selection_retry_max_attempts": CHOICES_TO_FIND_ANOTHER,
        "retry_back_off": {"base_interval": "0.002s", "max_interval": "0.010s"},
    }
