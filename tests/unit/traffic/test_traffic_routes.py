"""Who is asked again, after how long, and what a listener believes: by example."""

from dataclasses import replace
from typing import Any

import pytest

from headway.model.site import HashKey, HashOn, Overload, Protocol, Service
from headway.testing.builders import service
from headway.traffic.listeners import arrow_listener, entry_listener
from headway.traffic.routes import (
    BUDGET_HEADER,
    DOOR_HEADER,
    LEFT_HEADER,
    arrow_routes,
    entry_routes,
)


def by_methods(routes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for route in routes:
        headers = route["match"].get("headers", [{"string_match": {"exact": "*"}}])
        which = headers[0]["string_match"]
        methods = which.get("exact") or which["safe_regex"]["regex"]
        found |= dict.fromkeys(methods.split("|"), route["route"])
    return found


def callee(protocol: Protocol = Protocol.HTTP, **changes: Any) -> Service:
    return replace(service("b"), protocol=protocol, **changes)


def arrow(deadline_s: float | None, protocol: Protocol = Protocol.HTTP) -> list[dict[str, Any]]:
    body = arrow_routes("a>b", "b@1", callee(protocol), deadline_s=deadline_s).body
    routes: list[dict[str, Any]] = body["routes"]
    return [route for route in routes if "typed_per_filter_config" in route]


def test_routes_are_the_same_for_callers_without_and_with_less_and_with_more_time() -> None:
    for protocol in (Protocol.HTTP, Protocol.GRPC, Protocol.WEBSOCKET):
        routes = arrow_routes("a>b", "b@1", callee(protocol), deadline_s=0.3).body["routes"]
        actions = [route["route"] for route in routes]
        third = len(actions) // 3
        assert actions[:third] == actions[third : 2 * third] == actions[2 * third :]
        absent = {"name": LEFT_HEADER, "present_match": True, "invert_match": True}
        below = {"name": LEFT_HEADER, "range_match": {"start": "1", "end": "300"}}
        first = [route["match"]["headers"][0] for route in routes[: 2 * third]]
        assert first == [absent] * third + [below] * third
        capped = [route for route in routes if "typed_per_filter_config" in route]
        assert capped == routes[2 * third :]


def test_stuck_gets_are_rescued_at_half_of_the_deadline_and_the_first_try_lives_on() -> None:
    safe = by_methods(arrow(0.3))["GET"]
    assert safe["timeout"] == "0.300s"
    assert safe["retry_policy"]["per_try_timeout"] == "0.150s"
    assert safe["hedge_policy"] == {"hedge_on_per_try_timeout": True}


def test_writes_are_asked_again_but_never_beside_the_first() -> None:
    idempotent = by_methods(arrow(0.3))["PUT"]
    assert "gateway-error" in idempotent["retry_policy"]["retry_on"]
    assert "per_try_timeout" not in idempotent["retry_policy"]
    assert "hedge_policy" not in idempotent


def test_all_others_are_sent_again_only_when_nothing_was_sent() -> None:
    other = by_methods(arrow(0.3))["*"]
    retry_on = set(other["retry_policy"]["retry_on"].split(","))
    assert retry_on == {"connect-failure", "refused-stream", "reset-before-request"}


def test_the_commonest_methods_come_first_and_are_treated_like_their_kind() -> None:
    routes = by_methods(arrow(0.3))
    assert [*routes][:2] == ["GET", "POST"]
    assert routes["GET"] == routes["HEAD"] == routes["OPTIONS"] == routes["TRACE"]
    assert routes["PUT"] == routes["DELETE"]
    assert routes["POST"] == routes["*"]


def test_an_arrow_without_a_deadline_has_the_default_one() -> None:
    safe = by_methods(arrow(None))["GET"]
    assert (safe["timeout"], safe["retry_policy"]["per_try_timeout"]) == ("15.000s", "2.000s")


def test_grpc_is_all_posts() -> None:
    assert by_methods(arrow(0.3, Protocol.GRPC)).keys() == {"*"}


def test_an_upgraded_connection_may_last() -> None:
    first = arrow(0.3, Protocol.WEBSOCKET)[0]
    assert first["match"]["headers"] == [{"name": "upgrade", "present_match": True}]
    assert first["route"]["idle_timeout"] == "3600.000s"
    assert "hedge_policy" not in first["route"]


@pytest.mark.parametrize(
    ("timeout_s", "budget_s", "rescue"),
    [(15.0, 0.2, "0.200s"), (15.0, None, "2.000s"), (0.3, 0.2, "0.150s"), (1.0, None, "0.500s")],
)
def test_users_are_rescued_by_the_budget_but_cut_only_by_the_limit(
    timeout_s: float, budget_s: float | None, rescue: str
) -> None:
    body = entry_routes("entry", "b@1", callee(), timeout_s=timeout_s, budget_s=budget_s).body
    safe = by_methods(body["routes"])["GET"]
    assert safe["timeout"] == f"{timeout_s:.3f}s"
    assert safe["retry_policy"]["per_try_timeout"] == rescue
    told = [h["header"] for h in body.get("request_headers_to_add", [])]
    expected = {"key": BUDGET_HEADER, "value": f"{(budget_s or 0) * 1000:.0f}"}
    assert told == ([] if budget_s is None else [expected])
    assert body["request_headers_to_remove"] == [DOOR_HEADER, BUDGET_HEADER]


def manager(listener: Any) -> dict[str, Any]:
    config: dict[str, Any] = listener.body["filter_chains"][0]["filters"][0]["typed_config"]
    return config


def test_callers_on_loopback_are_believed_and_users_are_not() -> None:
    arrow_door = arrow_listener("a>b", 21001, callee(), cluster_name="b@1")
    entry = entry_listener("0.0.0.0", 80, callee(), cluster_name="b@1")  # noqa: S104
    trusted = manager(arrow_door)["internal_address_config"]["cidr_ranges"]
    assert trusted == [{"address_prefix": "127.0.0.0", "prefix_len": 8}]
    nobody = manager(entry)["internal_address_config"]["cidr_ranges"]
    assert nobody == [{"address_prefix": "255.255.255.255", "prefix_len": 32}]
    assert manager(arrow_door)["use_remote_address"]
    assert manager(entry)["use_remote_address"]


def test_every_listener_can_be_taken_over() -> None:
    for protocol in Protocol:
        door = arrow_listener("a>b", 21001, callee(protocol), cluster_name="b@1")
        assert door.body["enable_reuse_port"]
        assert door.body["address"]["socket_address"]["address"] == "127.0.0.1"


def filters(listener: Any) -> list[str]:
    return [f["name"].rpartition(".")[2] for f in manager(listener)["http_filters"]]


def test_only_who_calls_a_limited_service_pays_for_the_limit() -> None:
    limited = callee(overload=Overload(rate_per_s=5))
    door = arrow_listener("a>b", 21001, limited, cluster_name="b@1")
    assert filters(door) == ["header_mutation", "local_ratelimit", "router"]
    assert filters(entry_listener("127.0.0.1", 80, limited, cluster_name="b@1"))[0] != "router"
    assert filters(entry_listener("127.0.0.1", 80, callee(), cluster_name="b@1")) == ["router"]


def test_callers_of_grpc_can_shorten_the_deadline_by_its_own_header() -> None:
    (route,) = arrow(0.3, Protocol.GRPC)
    assert route["route"]["max_grpc_timeout"] == route["route"]["timeout"] == "0.300s"


def test_an_arrow_cannot_be_hashed_by_source_because_all_callers_have_one_address() -> None:
    by_source = callee(hash_key=HashKey(HashOn.SOURCE))
    from_users = entry_routes("entry", "b@1", by_source, timeout_s=1, budget_s=None).body["routes"]
    assert all("hash_policy" in route["route"] for route in from_users)
    inside = arrow_routes("a>b", "b@1", by_source, deadline_s=None).body["routes"]
    assert not any("hash_policy" in route["route"] for route in inside)


def test_a_cookie_is_read_and_never_made_up() -> None:
    by_cookie = callee(hash_key=HashKey(HashOn.COOKIE, "sid"))
    body = entry_routes("entry", "b@1", by_cookie, timeout_s=1, budget_s=None).body
    assert [r["route"]["hash_policy"] for r in body["routes"]] == [
        [{"cookie": {"name": "sid"}}]
    ] * len(body["routes"])
