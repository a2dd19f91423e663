"""The monitor of a running site: it sees the traffic, comes back, and is in nobody's way."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from tests.acceptance.site_world import Site, command_of

pytestmark = pytest.mark.acceptance

RATE = "sum by(service)(rate(headway_requests_total[10s])) > 0"
HEAVY = "sum(count_over_time(headway_request_seconds_bucket[5m:5ms]))"  # millions of samples
FETCHED = "count_over_time(headway_monitor_targets[10s]) >= 6"


def monitor_pid(site: Site) -> int:
    return int((site.home / "headway-monitor.lock").read_text())


def asked(site: Site, expression: str) -> list[dict[str, object]]:
    ran = site.headway("query", expression, "-o", "json", code=None)
    return list(json.loads(ran.out)["data"]["result"]) if ran.code == 0 else []


def test_the_traffic_of_a_service_is_seen_within_seconds_and_a_killed_monitor_comes_back(
    site: Site,
) -> None:
    site.describe(replicas=2)
    site.headway("up", "site.yaml")
    pids, daemon = site.pids(), site.daemon_pid()
    with site.under_load() as counted:
        site.until_true("seen", lambda: asked(site, RATE))
        assert "web" in site.headway("query", RATE).out
        assert asked(site, 'headway_replica_requests_total{replica="web-1"} > 0')
        assert asked(site, 'headway_process_resident_bytes{service="web"} > 0')
        before = len(asked(site, 'headway_service_replicas_ready{service="web"} == 2'))
        killed, killed_s = monitor_pid(site), time.time()
        os.kill(killed, signal.SIGKILL)
        site.until_true("back", lambda: monitor_pid(site) != killed and asked(site, RATE))
    assert before == 1
    assert set(counted) == {200}
    assert site.pids() == pids
    assert site.daemon_pid() == daemon
    # What was kept before it was killed is still there.
    assert asked(site, f"count_over_time(headway_host_cores[5m] @ {killed_s:.3f}) > 0")
    site.headway("down", "--yes")
    assert site.processes() == []


def test_the_monitor_outlives_headwayd_and_ends_with_what_it_watches(site: Site) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    site.until_true("seen", lambda: asked(site, "headway_replica_ready == 1"))
    monitor, daemon = monitor_pid(site), site.daemon_pid()
    os.kill(daemon, signal.SIGKILL)
    site.until("back", lambda s: s["settled"] and site.daemon_pid() != daemon)
    assert monitor_pid(site) == monitor
    assert "headway.monitor" in command_of(monitor)
    site.headway("down", "--yes")
    assert site.processes() == []
    assert not [p.name for p in site.home.iterdir() if p.is_socket()]


def test_heavy_queries_hold_up_neither_the_loop_nor_the_fetching(site: Site) -> None:
    site.describe(replicas=2)
    site.headway("up", "site.yaml")
    site.until_true("seen", lambda: asked(site, "headway_replica_ready == 1"))
    with many_heavy_queries(site) as statuses:
        site.until_true("under way", lambda: len(statuses) > 2)
        victim = site.replicas()[0]["pid"]
        os.kill(victim, signal.SIGKILL)
        site.until(
            "replaced", lambda s: s["settled"] and s["services"][0]["replicas"][0]["pid"] != victim
        )
        site.until_true("went on", lambda: asked(site, FETCHED))
    assert set(statuses) <= {200, 503}


@contextmanager
def many_heavy_queries(site: Site) -> Iterator[list[int]]:
    """As many as may run at once, one after the other; their statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.append(heavy(site))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        yield statuses
    finally:
        over.set()
        for asker in askers:
            asker.join()


def heavy(site: Site) -> int:
    connection = http.client.HTTPConnection("localhost", timeout=90)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.connect(str(site.home / "headway-monitor.sock"))
        connection.sock = unix
        connection.request("GET", f"/api/v1/query?{urlencode({'query': HEAVY, 'timeout': '5s'})}")
        return connection.getresponse().status
