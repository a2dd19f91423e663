"""How replicas are checked, capped and put aside: a whole cluster, then what differs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headway.model.site import Balance, Expect, Health, Overload, Protocol, Service
from headway.testing.builders import service
from headway.traffic.clusters import cluster, service_of
from headway.traffic.resources import Resource

GOLDEN = Path(__file__).parent / "cluster_of_web.json"


def body(**changes: Any) -> dict[str, Any]:
    made: Service = replace(service("web"), **changes)
    return dict(named(made).body)


def named(made: Service) -> Resource:
    return cluster(made, workers=2, check_every_s=made.health.every_s)


def test_a_plain_service_s_cluster_is_the_one_that_was_reviewed() -> None:
    assert body() == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_a_cluster_s_name_tells_its_service() -> None:
    assert service_of(named(service("web")).name) == "web"


@pytest.mark.parametrize(
    "changes",
    [
        {"health": Health(path="/ready")},
        {"health": Health(every_s=0.1)},
        {"health": Health(expect=Expect.STATUS)},
        {"balance": Balance.ROUND_ROBIN},
        {"balance": Balance.HASH},
        {"overload": Overload(in_flight=7)},
        {"protocol": Protocol.GRPC},
    ],
)
def test_every_change_of_policy_is_another_name(changes: dict[str, Any]) -> None:
    assert body(**changes)["name"] != body()["name"]


def test_a_stock_server_is_good_with_any_2xx() -> None:
    check = body(health=Health(expect=Expect.STATUS, path="/"))["health_checks"][0]
    asked = check["http_health_check"]
    assert asked["expected_statuses"] == [{"start": 200, "end": 300}]
    assert "receive" not in asked


def test_a_port_that_opens_may_be_enough() -> None:
    check = body(health=Health(expect=Expect.CONNECT))["health_checks"][0]
    assert check["tcp_health_check"] == {}


def test_the_cap_is_per_replica_and_a_burst_may_wait_for_its_connections() -> None:
    caps = body(overload=Overload(in_flight=8))["circuit_breakers"]
    # Envoy's other worker may open one connection beyond.
    assert caps["per_host_thresholds"] == [{"max_connections": 7}]
    assert caps["thresholds"][0]["max_pending_requests"] == 16


def test_a_cap_of_one_is_one_connection() -> None:
    caps = body(overload=Overload(in_flight=1))["circuit_breakers"]
    assert caps["per_host_thresholds"] == [{"max_connections": 1}]


def test_the_streams_of_grpc_are_divided_among_the_workers() -> None:
    made = body(protocol=Protocol.GRPC, overload=Overload(in_flight=9))
    (options,) = made["typed_extension_protocol_options"].values()
    spoken = options["explicit_http_config"]["http2_protocol_options"]
    assert spoken == {"max_concurrent_streams": 4}
    assert made["circuit_breakers"]["per_host_thresholds"] == [{"max_connections": 1}]


def test_weights_rule_while_a_newcomer_ramps_up() -> None:
    """With a bias of 1 an idle newcomer would get far more than its weight."""
    assert body()["least_request_lb_config"]["active_request_bias"]["default_value"] == 0.0


def test_a_hot_key_spills_over() -> None:
    made = body(balance=Balance.HASH)
    bounded = made["common_lb_config"]["consistent_hashing_lb_config"]
    assert bounded == {"hash_balance_factor": 200}


@pytest.mark.parametrize(("in_flight", "retries"), [(8, 8), (64, 16), (256, 64)])
def test_in_overload_rescues_take_only_a_small_part_of_what_all_replicas_can_do(
    in_flight: int, retries: int
) -> None:
    caps = body(overload=Overload(in_flight=in_flight))["circuit_breakers"]
    budget = caps["thresholds"][0]["retry_budget"]
    assert budget == {"budget_percent": {"value": 5}, "min_retry_concurrency": retries}


def test_grpc_speaks_http2_also_when_it_is_checked() -> None:
    made = body(protocol=Protocol.GRPC, health=Health(expect=Expect.STATUS))
    (options,) = made["typed_extension_protocol_options"].values()
    assert "http2_protocol_options" in options["explicit_http_config"]
    assert made["health_checks"][0]["http_health_check"]["codec_client_type"] == "HTTP2"


def test_tcp_has_no_http_options() -> None:
    assert "typed_extension_protocol_options" not in body(protocol=Protocol.TCP)
