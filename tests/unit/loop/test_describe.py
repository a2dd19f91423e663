"""From a checked description to what is desired: order, ports and the variables of a process."""

from headway.loop.describe import describe, port_keys
from headway.model.desired import Desired
from headway.model.release import Release
from headway.planning.resolve import going_down
from headway.releases.package import package
from headway.site.parse import parse
from headway.testing.builders import ENVIRONMENT

TEXT = """
headway: 1
site: shop
entry: {service: front, port: 8080}
services:
  front:
    run: serve $PORT
    calls: {stock: {deadline: 150ms}, queue: {optional: true}}
  queue:
    run: serve $PORT
    protocol: tcp
    replicas: 2
  stock:
    run: serve $PORT
    replicas: 2
"""


def described() -> Desired:
    site = parse(TEXT, file="site.yaml").site
    assert site is not None
    ports = {"front>stock": 20001, "front>queue": 20002}
    assert set(port_keys(site)) == set(ports)
    releases: dict[str, Release] = {
        name: package(service, directory="/site", files={}, secrets={})
        for name, service in site.services.items()
    }
    return describe(site, ENVIRONMENT, releases=releases, ports=ports, directory="/site")  # type: ignore[arg-type]


def test_callees_are_started_before_their_callers_and_ended_after_them() -> None:
    assert list(described().services) == ["queue", "stock", "front"]
    assert list(going_down(described()).services) == ["front", "stock", "queue"]


def test_each_arrow_has_a_port_of_its_own_and_its_deadline() -> None:
    arrows = {(a.caller, a.callee): (a.port, a.deadline_s) for a in described().arrows}
    assert arrows == {("front", "stock"): (20001, 0.15), ("front", "queue"): (20002, None)}


def test_a_caller_finds_each_callee_by_a_variable_that_names_the_protocol() -> None:
    front = next(s for s in described().services.values() if s.service.name == "front")
    env = dict(front.launch.env)
    assert env["HW_STOCK_URL"] == "http://127.0.0.1:20001"
    assert env["HW_QUEUE_URL"] == "tcp://127.0.0.1:20002"


def test_an_entry_without_a_port_gets_one_of_the_environment() -> None:
    text = TEXT.replace("entry: {service: front, port: 8080}", "entry: {service: front}")
    text += "environments: {micro: {}}\n"
    site = parse(text, file="site.yaml", environment="micro").site  # type: ignore[arg-type]
    assert site is not None
    assert "entry" in port_keys(site)
