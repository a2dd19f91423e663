"""Envoy's statistics in our words: only arrows and replicas, times in seconds."""

import json

import pytest

from headway.monitoring.envoy import told
from headway.monitoring.exposition import Exposition
from headway.monitoring.series import NAME
from headway.monitoring.targets import WatchedArrow

ARROWS = (WatchedArrow("entry", "users", "web"), WatchedArrow("web>index", "web", "index"))
STATS = """\
# TYPE envoy_http_downstream_rq_xx counter
envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="entry"} 7
envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="admin"} 9
envoy_http_downstream_rq_xx{envoy_response_code_class="5",envoy_http_conn_manager_prefix="web>index"} 1
# TYPE envoy_http_downstream_rq_time histogram
envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix="entry",le="0.5"} 2
envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix="entry",le="+Inf"} 7
envoy_http_downstream_rq_time_sum{envoy_http_conn_manager_prefix="entry"} 1250
envoy_http_downstream_rq_time_count{envoy_http_conn_manager_prefix="entry"} 7
envoy_tcp_downstream_cx_total{envoy_tcp_prefix="entry"} 3
something else entirely
"""  # noqa: E501 - as Envoy writes it


def host(replica: str, requests: int, errors: int, *, failed: bool = False) -> object:
    health = {"failed_active_health_check": True} if failed else {}
    return {
        "hostname": replica,
        "health_status": health,
        "stats": [
            {"name": "rq_total", "value": str(requests)},
            {"name": "rq_error", "value": str(errors)},
            {"name": "rq_active"},  # Envoy leaves out a zero
        ],
    }


CLUSTERS = json.dumps(
    {
        "cluster_statuses": [
            {"name": "web@old", "host_statuses": [host("web-1", 5, 1, failed=True)]},
            {"name": "web@new", "host_statuses": [host("web-1", 2, 0), host("web-9", 4, 0)]},
            {"name": "empty@x"},
        ]
    }
)


def series(stats: str = STATS, clusters: str = CLUSTERS) -> dict[str, float]:
    exposition = Exposition(1000)
    reading = exposition.read(told(stats, clusters, ARROWS, {"web-1": "r1"}))
    return {
        " ".join([labels[NAME], *(v for k, v in sorted(labels.items()) if k != NAME)]): value
        for labels, value in zip(exposition.labels, reading.values.tolist(), strict=True)
    }


def test_requests_are_told_per_arrow_and_class_of_status() -> None:
    found = series()
    assert found["headway_requests_total users 2xx web"] == 7
    assert found["headway_requests_total web 5xx index"] == 1
    assert found["headway_connections_total users web"] == 3
    assert not [name for name in found if "admin" in name]


def test_times_are_told_in_seconds() -> None:
    found = series()
    assert found["headway_request_seconds_bucket users 0.0005 web"] == 2
    assert found["headway_request_seconds_bucket users +Inf web"] == 7
    assert found["headway_request_seconds_sum users web"] == 1.25
    assert found["headway_request_seconds_count users web"] == 7


def test_a_replica_in_two_clusters_is_told_once_with_its_release() -> None:
    found = series()
    assert found["headway_replica_requests_total r1 web-1 web"] == 7
    assert found["headway_replica_errors_total r1 web-1 web"] == 1
    assert found["headway_replica_requests_active r1 web-1 web"] == 0
    assert found["headway_replica_in_rotation r1 web-1 web"] == 1


def test_a_replica_that_has_left_is_not_told() -> None:
    assert not [name for name in series() if "web-9" in name]


def test_what_is_no_answer_of_envoy_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        series(clusters="")
