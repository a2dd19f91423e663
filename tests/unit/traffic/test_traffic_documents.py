"""Snapshots as files, and what Envoy says of them."""

import json
from dataclasses import replace

from headway.model.desired import Arrow
from headway.model.ids import ServiceName
from headway.model.rotation import Share
from headway.model.site import Entry
from headway.testing.builders import desired, seen, wish
from headway.traffic.bootstrap import Limits, bootstrap, candidate
from headway.traffic.endpoints import read_back
from headway.traffic.hosts import hosts
from headway.traffic.publication import (
    disagreements,
    documents,
    resources_of,
    version_of,
)
from headway.traffic.snapshot import snapshot

WEB = ServiceName("web")
SITE = replace(desired(wish("web")), arrows=(Arrow(WEB, WEB, 21001, None),), entry=Entry(WEB, 80))
ROTATION = [Share(seen("web-0")), Share(seen("web-1"))]
SNAPSHOT = snapshot(SITE, ROTATION, entry_address="127.0.0.1", workers=2)
MADE = documents(SNAPSHOT)


def test_what_is_written_can_be_read_back() -> None:
    assert resources_of(MADE.clusters.content) == SNAPSHOT.clusters
    assert version_of(MADE.clusters.content) == MADE.clusters.version
    (endpoints,) = MADE.endpoints
    version, members = read_back(endpoints.content) or ("", ())
    assert version == endpoints.version
    assert [m.replica for m in members] == ["web-0", "web-1"]


def test_damaged_files_say_nothing() -> None:
    damaged = (b"", b"{", b"[]", b'{"version_info": 7}', b'{"version_info": null}', b"\xff")
    for content in damaged:
        assert version_of(content) is None
        assert resources_of(content) == ()
        assert read_back(content) is None


def test_nothing_is_written_before_what_it_refers_to() -> None:
    paths = [d.path for d in MADE.all()]
    assert [p.startswith("./endpoints/") for p in paths] == [True, False, False, False]
    assert paths[1:] == ["./clusters.json", "./routes.json", "./listeners.json"]


def test_all_listeners_share_one_table() -> None:
    """Each table costs a file watch, and a user has few."""
    (table,) = json.loads(MADE.routes.content)["resources"]
    assert [door["domains"] for door in table["virtual_hosts"]] == [["entry"], ["web>web"]]
    assert table["vhost_header"] == "headway-door"


def test_the_candidate_looks_into_no_file() -> None:
    text = json.dumps(candidate(SNAPSHOT))
    assert "path_config_source" not in text
    assert "load_assignment" in text
    assert "web>web" in text


def test_envoy_agrees_when_every_version_is_the_published_one() -> None:
    told = {d.version_stat: d.version for d in MADE.all()}
    routes = told.pop(MADE.routes.version_stat)
    told[f"http.entry.{MADE.routes.version_stat}"] = routes
    assert disagreements(MADE.all(), told) == []


def test_a_disagreement_names_the_file_and_both_versions() -> None:
    told = {d.version_stat: d.version for d in MADE.all()} | {MADE.clusters.version_stat: "old"}
    (sentence,) = disagreements(MADE.all(), told)
    assert "./clusters.json in version old" in sentence
    assert MADE.clusters.version in sentence
    del told[MADE.listeners.version_stat]
    assert any("in version none" in line for line in disagreements(MADE.all(), told))


def test_only_we_may_open_the_admin_socket() -> None:
    body = bootstrap("node", "admin-1.sock", Limits(connections=10, heap_bytes=1 << 30))
    pipe = body["admin"]["address"]["pipe"]
    assert pipe == {"path": "admin-1.sock", "mode": 0o600}


def test_envoy_s_view_of_a_replica_is_read_from_its_words() -> None:
    said = {
        "cluster_statuses": [
            {
                "name": "web@1",
                "host_statuses": [
                    {
                        "address": {
                            "socket_address": {"address": "127.0.0.1", "port_value": 20000}
                        },
                        "stats": [
                            {"name": "rq_total", "value": "12"},
                            {"type": "GAUGE", "name": "rq_active", "value": "3"},
                            {"name": "rq_error"},
                        ],
                        "health_status": {"failed_active_health_check": True},
                        "hostname": "web-0",
                    }
                ],
            },
            {"name": "empty@1"},
        ]
    }
    (host,) = hosts(json.dumps(said))
    assert (host.service, host.replica, host.port) == ("web", "web-0", 20000)
    assert (host.requests, host.active, host.errors) == (12, 3, 0)
    assert not host.passes_checks
    assert not host.put_aside
