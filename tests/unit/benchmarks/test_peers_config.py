"""What the peers are told, and what is read from what programs and the kernel print."""

import os
from pathlib import Path

import pytest
from benchmarks.peers import haproxy, nginx
from benchmarks.peers.crowd import address_of
from benchmarks.peers.decision import Change, took
from benchmarks.peers.envoy_plain import config as bare
from benchmarks.peers.fast_backend import config as fast
from benchmarks.peers.memory import role_of
from benchmarks.peers.newcomer import joined
from benchmarks.peers.proc import cpu_s, pss_kib, pss_mb, ticks
from benchmarks.peers.wrk import parsed
from benchmarks.summary import Record
from benchmarks.turn import growth

WRK = """Running 2s test @ http://127.0.0.1:9001/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.23ms  432.10us  10.00ms   90.00%
  Latency Distribution
     50%  980.00us
     75%    1.50ms
     90%    2.00ms
     99%    1.25s
  20000 requests in 2.00s, 5.00MB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 7
Requests/sec:  10000.50
Transfer/sec:      2.50MB
"""


def test_haproxy_checks_and_caps_every_backend_and_starts_it_slowly(tmp_path: Path) -> None:
    said = haproxy.config(
        port=7000, servers={"web-0": 7001, "web-1": 7002}, maxconn=16, socket=tmp_path
    )
    assert "bind 127.0.0.1:7000" in said
    assert "server web-0 127.0.0.1:7001" in said
    assert "check inter 40ms fall 2 rise 1 slowstart 10s maxconn 16" in said
    assert "option redispatch" in said


def test_haproxy_never_sends_a_post_again_once_it_was_sent(tmp_path: Path) -> None:
    said = haproxy.config(port=1, servers={}, maxconn=1, socket=tmp_path)
    assert "disable-l7-retry unless { method GET HEAD }" in said


def test_nginx_puts_the_bad_aside_and_never_sends_a_post_again(tmp_path: Path) -> None:
    said = nginx.config(folder=tmp_path, port=7000, backends=[7001, 7002], max_conns=16)
    assert said.count("max_fails=1 fail_timeout=2s max_conns=16;") == 2
    assert "listen 127.0.0.1:7000 " in said
    assert "non_idempotent" not in said


def test_every_server_of_a_benchmark_listens_on_loopback_only(tmp_path: Path) -> None:
    ours = (
        haproxy.config(port=1, servers={"a": 2}, maxconn=1, socket=tmp_path),
        nginx.config(folder=tmp_path, port=1, backends=[2], max_conns=1),
        fast(tmp_path, 1),
    )
    doors = [
        line.split()[1]
        for text in ours
        for line in text.splitlines()
        if line.strip().startswith(("bind ", "listen "))
    ]
    assert len(doors) == 3
    assert all(door.startswith("127.0.0.1:") for door in doors)
    (listener,) = bare(port=1, backends=[2])["static_resources"]["listeners"]
    assert listener["address"]["socket_address"]["address"] == "127.0.0.1"


def test_the_bare_envoy_has_the_router_and_nothing_else() -> None:
    (listener,) = bare(port=1, backends=[2, 3])["static_resources"]["listeners"]
    (chain,) = listener["filter_chains"]
    (proxy,) = chain["filters"]
    assert [f["name"] for f in proxy["typed_config"]["http_filters"]] == [
        "envoy.filters.http.router"
    ]


def test_what_wrk_prints_is_understood() -> None:
    seen = parsed(WRK)
    assert (seen.requests, seen.bad, seen.per_s) == (20_000, 13, 10_000.5)
    assert seen.p50_ms == pytest.approx(0.98)
    assert seen.p99_ms == 1250.0


def test_output_that_is_not_wrks_is_an_error_that_shows_it() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        parsed("unable to connect to 127.0.0.1:1 Connection refused")


def test_processor_time_is_read_past_any_name_of_a_command() -> None:
    fields = " ".join(["S", *("0" for _ in range(10)), "150", "50", "7", "7"])
    assert ticks(f"42 (a ) (b) S 9) {fields}") == 200


def test_memory_is_what_the_kernel_counts_once() -> None:
    assert pss_kib("Rss:  900 kB\nPss:     512 kB\nPss_Dirty:  1 kB\n") == 512


def test_our_own_process_has_used_time_and_memory_and_a_dead_one_has_none() -> None:
    assert cpu_s([os.getpid()]) > 0
    assert pss_mb([os.getpid()]) > 1
    assert pss_mb([2**22 + 1]) == 0


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("/v/bin/python -P -m headway.daemon --home /h ", "headwayd"),
        ("/v/bin/python -P -m headway.engine.io.keeper /h 15872 ", "keeper"),
        ("/v/lib/envoy/_bin/envoy --config-path bootstrap-1.json ", "Envoy"),
        ("/v/bin/python -P -m headway.other ", "headway.other"),
        ("/v/bin/python /v/bin/headway-run -- uvicorn search.ads:app ", ""),
        ("/v/bin/uvicorn envoy ", ""),
    ],
)
def test_every_process_of_headway_is_counted_and_no_replica(command: str, role: str) -> None:
    assert role_of(command) == role


def test_a_change_took_until_the_first_request_went_the_new_way() -> None:
    changes = [Change(1.0, 1.002, "a", "b"), Change(2.0, 2.004, "b", "c")]
    asked = [(0.9, "a"), (1.001, "a"), (1.005, "b"), (1.5, "b"), (2.001, "c")]
    first, second = took(changes, asked)
    assert first.first_new_ms == pytest.approx(5.0)
    assert first.last_old_ms == pytest.approx(1.0)
    assert second.publish_ms == pytest.approx(4.0)
    assert second.last_old_ms == 0.0


def test_a_change_that_nobody_saw_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no request reached b"):
        took([Change(1.0, 1.1, "a", "b")], [(1.2, "a")])


def test_every_endpoint_of_the_crowd_has_a_loopback_address_of_its_own() -> None:
    addresses = {address_of(number) for number in range(1_000)}
    assert len(addresses) == 1_000
    assert all(address.startswith("127.") for address in addresses)


def test_a_newcomers_time_begins_with_its_first_request() -> None:
    old = [Record("r", "GET", t / 100, t / 100 + 0.01, 200, "", "web-1") for t in range(300)]
    new = [Record("r", "GET", 1.0 + t / 10, 1.2 + t / 10, 200, "", "web-2") for t in range(5)]
    seen = joined([*old, *new], "web-2")
    assert seen.first == pytest.approx(100 / 11)
    assert seen.second == pytest.approx(500 / 105)
    assert seen.most_at_once == 2
    assert joined(old, "web-2").first is None


def test_growth_is_the_steepest_power_between_two_sizes() -> None:
    assert growth([(10, 1.0), (100, 10.0)]) == pytest.approx(1.0)
    assert growth([(10, 1.0), (100, 1.0), (1000, 100.0)]) == pytest.approx(2.0)
