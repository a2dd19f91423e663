"""What headwayd says becomes things to fetch; what cannot be understood is refused whole."""

import json
from dataclasses import replace

import pytest

from headway.monitoring.targets import (
    Admin,
    Page,
    WatchedArrow,
    WatchedEnvironment,
    WatchedReplica,
    WatchedService,
    Watchlist,
    WatchlistError,
    read,
    targets,
    written,
)

REPLICA = WatchedReplica(
    replica="web-1",
    service="web",
    release="r1",
    address="127.0.0.1",
    port=20411,
    pid=77,
    life=3,
    ready=True,
    speaks_http=True,
)
ENVIRONMENT = WatchedEnvironment(
    site="small",
    environment="test",
    services=(WatchedService("web", wanted=2, ready=1),),
    replicas=(REPLICA,),
    arrows=(WatchedArrow("entry", "users", "web"),),
    keeper_pid=5,
    envoy_pid=6,
    envoy_admin="/run/admin.sock",
    turns=4,
    turns_s=0.5,
    turns_within=((0.1, 3),),
)
LIST = Watchlist(1, (ENVIRONMENT,))


def test_a_watchlist_is_the_same_after_it_was_written_and_read() -> None:
    assert read(written(LIST)) == LIST


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "JSON"),
        (written(LIST)[:-7], "JSON"),
        (b"{}", "headwayd_pid"),
        (b'{"headwayd_pid": 1, "version": 2}', "version 2"),
        (b'{"headwayd_pid": 1, "environments": [{"site": 3, "environment": "x"}]}', "site"),
    ],
)
def test_what_is_no_watchlist_is_refused_with_its_reason(text: bytes, reason: str) -> None:
    with pytest.raises(WatchlistError, match=reason):
        read(text)


def test_a_key_of_a_newer_headwayd_does_no_harm() -> None:
    assert read(json.dumps({"headwayd_pid": 1, "colour": "red"}).encode()) == Watchlist(1)


def test_a_replica_is_fetched_under_its_own_labels() -> None:
    (found,) = [t for t in targets(LIST) if t.base["job"] == "web"]
    assert found.fetch == Page("127.0.0.1", 20411)
    assert found.base == {
        "job": "web",
        "instance": "127.0.0.1:20411",
        "site": "small",
        "environment": "test",
        "service": "web",
        "replica": "web-1",
        "release": "r1",
    }
    assert found.pids == (("", 77),)


def test_who_speaks_no_http_is_watched_and_not_asked() -> None:
    silent = replace(ENVIRONMENT, replicas=(replace(REPLICA, speaks_http=False),))
    (found,) = [t for t in targets(Watchlist(1, (silent,))) if t.base["job"] == "web"]
    assert found.fetch is None
    assert found.pids


def test_envoy_is_asked_once_it_is_there() -> None:
    (found,) = [t for t in targets(LIST) if t.base["job"] == "envoy"]
    assert found.fetch == Admin("/run/admin.sock", ENVIRONMENT.arrows, (("web-1", "r1"),))
    none_yet = replace(ENVIRONMENT, envoy_admin="")
    assert not [t for t in targets(Watchlist(1, (none_yet,))) if t.base["job"] == "envoy"]


def test_how_long_turns_take_is_told_as_a_histogram() -> None:
    (found,) = [t for t in targets(LIST) if t.base["job"] == "headway"]
    buckets = {
        dict(f.labels)["le"]: f.value
        for f in found.facts
        if f.name == "headway_turn_seconds_bucket"
    }
    assert buckets == {"0.1": 3, "+Inf": 4}


def test_a_version_6_address_is_written_in_brackets() -> None:
    assert Page("::1", 80).url == "http://[::1]:80/metrics"
