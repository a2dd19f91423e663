"""How requests are shared, as far as a description says it: balance, weights, hashes, places."""

import pytest

from headway.model.ids import EnvironmentName, HostName, ServiceName
from headway.model.site import (
    Balance,
    DescribedHost,
    HashKey,
    HashOn,
    Overload,
    Service,
    Site,
    Spread,
)
from headway.site.expand import expand
from headway.site.explanation import service, with_services
from headway.site.parse import parse


def site_of(text: str, environment: str = "production") -> Site:
    parsed = parse(text, file="site.yaml", environment=EnvironmentName(environment))
    assert parsed.site is not None, parsed.report()
    if environment == "production":
        assert parse(expand(parsed.site), file="expanded").site == parsed.site
    return parsed.site


def frontend(*lines: str, more: str = "", environment: str = "production") -> Service:
    text = service("run: x", *lines) + more
    return site_of(text, environment).services[ServiceName("frontend")]


def test_every_default_is_shown_when_asked_for() -> None:
    shown = expand(site_of(service("run: x")))
    for line in ("balance: least-loaded", 'slow_start: "10s"', "spread: host", "in_flight: 256"):
        assert f"{line}\n" in shown


def codes(text: str) -> list[str]:
    return [p.code for p in parse(text, file="site.yaml").problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{header: X-User}", HashKey(HashOn.HEADER, "x-user")),
        ("{cookie: Sid}", HashKey(HashOn.COOKIE, "Sid")),
        ("{query: q}", HashKey(HashOn.QUERY, "q")),
        ("path", HashKey(HashOn.PATH)),
        ("source", HashKey(HashOn.SOURCE)),
    ],
)
def test_a_hash_says_what_of_a_request_decides(written: str, meant: HashKey) -> None:
    found = frontend("balance: hash", f"hash: {written}")
    assert (found.balance, found.hash_key) == (Balance.HASH, meant)


def test_weights_are_those_of_the_replicas_or_else_of_their_hosts() -> None:
    assert frontend("replicas: 2", "balance: weighted", "weight: [3, 0.5]").weights == (3.0, 0.5)
    assert frontend("replicas: 2", "balance: weighted").weights == ()


@pytest.mark.parametrize(
    ("written", "rate_per_s"),
    [
        ("2000/s", 2000.0),
        ("100/m", 100 / 60),
        ("1/h", 1 / 3600),
        ("0.5/s", 0.5),
        ("7.125/m", 0.11875),
    ],
)
def test_a_rate_is_per_second_minute_or_hour(written: str, rate_per_s: float) -> None:
    found = frontend(f"overload: {{rate: {written}}}")
    assert found.overload == Overload(in_flight=256, rate_per_s=rate_per_s)


def test_a_newcomer_starts_slowly_unless_told_otherwise() -> None:
    assert frontend().slow_start_s == 10.0
    assert frontend("slow_start: 0s").slow_start_s == 0.0
    assert frontend("slow_start: 1.5m").slow_start_s == 90.0


def test_replicas_are_spread_over_hosts_or_zones() -> None:
    hosts = "hosts: {a: {zone: east}, b: {zone: west}}\n"
    assert frontend().spread is Spread.HOST
    assert frontend("spread: zone", more=hosts).spread is Spread.ZONE


def test_a_host_is_a_zone_of_its_own_unless_told_otherwise() -> None:
    text = service("run: x") + "hosts:\n  b: {zone: west}\n  a: {weight: 2}\n  c:\n"
    assert site_of(text).hosts == (
        DescribedHost(HostName("a"), "a", 2.0),
        DescribedHost(HostName("b"), "west"),
        DescribedHost(HostName("c"), "c"),
    )


def test_every_new_key_can_differ_between_environments() -> None:
    text = (
        service("run: x", "replicas: 3", "balance: weighted", "weight: [3, 1]", "spread: zone")
        + "hosts: {a: {zone: east}, b: {zone: west}}\nenvironments:\n  micro:\n"
        + '    "*.slow_start": 0s\n    "frontend.overload.rate": 5/s\n    "*.spread": host\n'
        + '    "frontend.weight": [1]\n    "hosts.a.weight": 3\n  one:\n    "hosts": {}\n'
        + '    "*.balance": hash\n    "frontend.hash": source\n'
    )
    micro = site_of(text, "micro")
    found = micro.services[ServiceName("frontend")]
    assert (found.slow_start_s, found.overload.rate_per_s) == (0.0, 5.0)
    assert (found.spread, found.weights) == (Spread.HOST, (1.0,))
    assert micro.hosts[0].weight == 3.0
    one = site_of(text, "one")
    assert one.hosts == ()
    assert one.services[ServiceName("frontend")].hash_key == HashKey(HashOn.SOURCE)


def test_an_environment_that_balances_otherwise_leaves_hash_and_weight_behind() -> None:
    text = with_services(
        "frontend: {run: x, balance: hash, hash: path}",
        "index: {run: y, replicas: 2, balance: weighted, weight: [3, 1]}",
    )
    small = site_of(text + 'environments: {small: {"*.balance": round-robin}}\n', "small")
    assert {(s.balance, s.hash_key, s.weights) for s in small.services.values()} == {
        (Balance.ROUND_ROBIN, None, ())
    }
    assert codes(text + 'environments: {small: {"*.replicas": 1}}\n') == []


def test_a_star_leaves_out_jobs_where_a_key_means_nothing_to_them() -> None:
    text = with_services("frontend: {run: x}", "warm-up: {run: y, kind: job}")
    assert codes(text + 'environments: {micro: {"*.slow_start": 0s}}\n') == []
    assert codes(text + 'environments: {micro: {"warm-up.slow_start": 0s}}\n') == ["HW048"]


def test_tcp_can_be_hashed_by_source_and_started_slowly() -> None:
    found = frontend("protocol: tcp", "balance: hash", "hash: source", "slow_start: 3s")
    assert (found.hash_key, found.slow_start_s) == (HashKey(HashOn.SOURCE), 3.0)


@pytest.mark.parametrize("word", ["path", "{query: q}", "{cookie: sid}"])
def test_a_connection_of_tcp_has_nothing_else_to_hash(word: str) -> None:
    assert codes(service("run: x", "protocol: tcp", "balance: hash", f"hash: {word}")) == ["HW048"]


def test_the_remedy_for_a_hash_of_tcp_is_not_warned_of_itself() -> None:
    def remedies(callee: str) -> list[str]:
        text = with_services(
            "frontend: {run: x, protocol: tcp, balance: hash, hash: path, calls: {index: {}}}",
            f"index: {{run: y, replicas: 2, protocol: tcp, balance: hash, hash: {callee}}}",
        )
        return [p.help for p in parse(text, file="site.yaml").problems]

    by_source = "write `hash: source`: the same client, the same replica"
    assert remedies("path") == [by_source, "write `balance: least-loaded`"]
    assert remedies("source") == [by_source, "write `balance: least-loaded`"]


def test_a_shorter_drain_is_only_regretted_where_users_are() -> None:
    text = service("run: x", "drain: 1s").replace("8080", "8080, timeout: 9s")
    assert codes(text) == ["HW055"]
    assert codes(service("run: x", "drain: 9s") + 'environments: {micro: {"*.drain": 1s}}\n') == []
    assert codes(service("run: x", "drain: 1s")) == []  # nobody said how long users wait


def test_a_part_given_beside_its_whole_is_a_clash_only_when_both_say_it() -> None:
    def of(*lines: str) -> list[str]:
        said = "".join(f"    {line}\n" for line in lines)
        return codes(service("run: x") + "environments:\n  micro:\n" + said)

    whole = '"frontend.health": {every: 1s, timeout: 1s}'
    assert of(whole, '"frontend.health.every": 2s') == ["HW009"]
    assert of(whole, '"frontend.health.start": 2s') == []
    assert of(whole, '"*.health.every": 2s') == []
    assert of('"*.health": {every: 1s}', '"*.health.every": 2s') == ["HW009"]
    assert of('"entry": {service: frontend, port: 1}', '"entry.port": 2') == ["HW009"]
