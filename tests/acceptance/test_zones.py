"""A larger geometry, rehearsed on one machine: zones hold replicas, traffic stays in its own."""

import http.client
import os
import signal
from collections import Counter

import pytest
from tests.acceptance.site_world import Site

pytestmark = pytest.mark.acceptance

TWO = "hosts: {a: {zone: east}, b: {zone: west}}\n"
ONE = "hosts: {a: {zone: east}}\n"
ZONED = "    spread: zone\n    slow_start: 1s\n    ready_min: 3\n"


def hosts_of(site: Site) -> dict[str, str]:
    return {r["id"]: r["host"] for r in site.replicas()}


def answered_by(site: Site, count: int = 60) -> Counter[str]:
    """Which hosts the answers came from."""
    hosts = hosts_of(site)
    counted: Counter[str] = Counter()
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
        connection.request("GET", "/")
        counted[hosts[connection.getresponse().headers["replica"]]] += 1
        connection.close()
    return counted


def test_traffic_stays_in_its_zone_and_every_zone_serves_when_that_one_is_short(
    site: Site,
) -> None:
    site.describe(replicas=4, top=TWO, more=ZONED)
    site.headway("up", "site.yaml")
    assert Counter(hosts_of(site).values()) == {"a": 2, "b": 2}
    shown = site.headway("status", "--replicas").out
    assert "HOST" in shown
    assert "west" in shown
    site.until("warm", lambda _: "cannot carry" not in site.headway("why", "web").out)
    assert set(answered_by(site)) == {"a"}
    victim = next(r for r in site.replicas() if r["host"] == "a")
    os.kill(victim["pid"], signal.SIGSTOP)
    try:
        site.until("noticed", lambda _: "cannot carry" in site.headway("why", "web").out)
        assert answered_by(site)["b"] > 0
    finally:
        os.kill(victim["pid"], signal.SIGCONT)


def test_a_host_that_leaves_the_description_gives_its_replicas_away_without_a_failure(
    site: Site,
) -> None:
    site.describe(replicas=4, top=TWO, more=ZONED)
    site.headway("up", "site.yaml")
    stayed = {r["pid"] for r in site.replicas() if r["host"] == "a"}
    site.describe(replicas=4, top=ONE, more=ZONED)
    plan = site.headway("plan", "site.yaml", "--exit-code", code=3).out
    assert "replicas on hosts that leave are replaced elsewhere" in " ".join(plan.split())
    with site.under_load() as counted:
        site.headway("up", "site.yaml")
    assert set(counted) == {200}
    assert set(hosts_of(site).values()) == {"a"}
    assert stayed <= site.pids()
