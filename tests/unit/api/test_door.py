"""Over TCP only a token opens; without one nothing is told."""

import http.client
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.api.outside_world import OutsideWorld, outside_world, read_all

import headway
from headway.access.token import secret_from

SHOP = "/environments/shop/production"
OTHER = "/environments/mall/test"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OutsideWorld]:
    with outside_world(tmp_path) as made:
        yield made


@pytest.fixture
def shop(world: OutsideWorld, site_body: dict[str, object]) -> OutsideWorld:
    world.owner.post(f"{SHOP}/apply", site_body)
    mall = str(site_body["text"]).replace("site: shop", "site: mall")
    world.owner.post(f"{OTHER}/apply", {**site_body, "text": mall})
    return world


def test_a_stranger_is_told_nothing_whatever_he_asks(world: OutsideWorld) -> None:
    for path in ("/daemon", "/openapi.json", "/nonsense", f"{SHOP}/apply", "/.."):
        for method in ("GET", "POST", "PUT", "OPTIONS", "TRACE", "QUERY"):
            answer = world.ask(path, method=method, body=b"{" if method == "POST" else None)
            assert (answer.status, answer.json["code"]) == (401, "no-token")
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert answer.json["remedy"]
            assert headway.__version__ not in str(answer)


def test_a_wrong_token_is_no_token_and_nobody_learns_why(world: OutsideWorld) -> None:
    unknown = f"Bearer {secret_from(bytes(32))}"
    for shown in (unknown, "Bearer hw_short", "Bearer ", "Basic eDp5", "Bearer " + "x" * 8000):
        answer = world.ask("/daemon", headers={"Authorization": shown})
        assert answer.status == 401
        assert answer.json["error"] == "shown was a token that is wrong, revoked or expired"
    assert {d.verb for d in world.control.denials} == {"enter"}


def test_two_tokens_are_none(world: OutsideWorld) -> None:
    secret = world.token("ci")
    shown = f"Authorization: Bearer {secret}\r\n".encode() * 2
    raw = b"GET /api/v1/daemon HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + shown
    assert world.send(raw + b"\r\n").startswith(b"HTTP/1.1 401 ")


def test_a_token_acts_under_its_name_and_within_its_role(shop: OutsideWorld) -> None:
    viewer, operator = shop.token("eyes"), shop.token("hands", "operator")
    assert shop.ask(SHOP, viewer).status == 200
    scale = f"{SHOP}/services/ads/scale"
    denied = shop.ask(scale, viewer, method="POST", body={"count": 4})
    assert (denied.status, denied.json["error"]) == (
        403,
        "token:eyes is a viewer and may not scale ads",
    )
    assert [(d.actor, d.verb) for d in shop.control.denials] == [("token:eyes", "scale")]
    assert shop.ask(scale, operator, method="POST", body={"count": 4}).status == 202
    assert shop.control.history[-1].event.actor == "token:hands"


def test_a_token_for_one_place_sees_nothing_of_the_others(shop: OutsideWorld) -> None:
    mall = shop.token("mall", places=["mall"])
    assert [e["id"]["site"] for e in shop.ask("/environments", mall).json] == ["mall"]
    assert shop.ask(OTHER, mall).status == 200
    for path in (SHOP, f"{SHOP}/events", f"{SHOP}/logs/ads", "/events", "/doctor", "/daemon"):
        answer = shop.ask(path, mall)
        assert answer.status == 403, path
        assert "frontend" not in str(answer.raw)
    nowhere = shop.ask("/environments/mall/nowhere", mall)
    assert (nowhere.status, "shop" in str(nowhere.raw)) == (404, False)


def test_a_token_for_some_verbs_may_not_use_others(shop: OutsideWorld) -> None:
    secret = shop.token("scaler", "admin", verbs=["see", "scale"])
    path = f"{SHOP}/services/ads"
    assert shop.ask(f"{path}/scale", secret, method="POST", body={"count": 1}).status == 202
    assert shop.ask(f"{path}/restart", secret, method="POST", body={}).status == 403
    assert shop.ask("/tokens", secret).status == 403


def test_a_token_makes_none_that_is_stronger(world: OutsideWorld) -> None:
    maker = world.token("maker", "admin", verbs=["see", "create-token", "revoke-token"])

    def make(**more: object) -> int:
        body = {"name": "made", "role": "viewer", "verbs": ["see"], "for_s": 60.0, **more}
        return world.ask("/tokens", maker, method="POST", body=body).status

    assert make(verbs=["see", "apply"]) == 403
    assert make(verbs=None) == 403
    assert make(for_s=7200.0) == 403
    assert make() == 201
    everything = world.token("everything", "admin")
    assert world.ask("/tokens/everything/revoke", maker, method="POST").status == 403
    assert world.ask("/daemon", everything).status == 200


def test_a_revoked_token_ends_also_in_a_connection_that_is_open(world: OutsideWorld) -> None:
    secret = world.token("ci", "admin")
    child = world.ask(
        "/tokens", secret, method="POST", body={"name": "kid", "role": "viewer", "for_s": 60.0}
    ).json["secret"]
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    seen = []
    try:
        for revoke in (True, False):
            connection.request(
                "GET", "/api/v1/daemon", headers={"Authorization": f"Bearer {secret}"}
            )
            answer = connection.getresponse()
            answer.read()
            seen.append(answer.status)
            if revoke:
                assert world.owner.post("/tokens/ci/revoke")["names"] == ["ci", "kid"]
    finally:
        connection.close()
    assert seen == [200, 401]
    assert world.ask("/daemon", child).status == 401


def test_an_expired_token_opens_nothing(world: OutsideWorld) -> None:
    secret = world.token("ci")
    assert world.ask("/daemon", secret).status == 200
    world.control.now += timedelta(seconds=3600)
    assert world.ask("/daemon", secret).status == 401
    assert [t["expired"] for t in world.owner.get("/tokens")] == [True]
    world.token("ci")  # the name is free again


def test_a_secret_is_told_once_and_found_nowhere_else(world: OutsideWorld) -> None:
    secret = world.token("ci")
    world.ask("/daemon", secret)
    told = json.dumps([world.owner.get("/tokens"), world.owner.get("/events")])
    assert secret not in told
    assert secret not in repr(world.control.keyring._tokens)


def test_a_page_that_points_its_own_name_here_is_not_answered(world: OutsideWorld) -> None:
    secret = world.token("ci")
    for host in ("evil.example", "localhost.evil.example", "127.0.0.2", "0.0.0.0", "[::1]:x", ""):  # noqa: S104
        answer = world.ask("/daemon", secret, headers={"Host": host})
        assert (answer.status, answer.json["code"]) == (421, "wrong-host"), host


def test_every_name_of_the_host_is_answered(tmp_path: Path) -> None:
    with outside_world(tmp_path, more='names = ["Desk.example"]\n') as world:
        secret = world.token("ci")
        for host in ("localhost", f"127.0.0.1:{world.port}", "desk.example.", "LOCALHOST:1"):
            assert world.ask("/daemon", secret, headers={"Host": host}).status == 200, host


def test_who_asks_too_often_is_told_when_to_come_back_and_the_owner_never_is(
    tmp_path: Path,
) -> None:
    with outside_world(tmp_path, more="requests_per_s = 1\n") as world:
        secret, other = world.token("ci"), world.token("other")
        answers = [world.ask("/daemon", secret) for _ in range(8)]
        refused = [a for a in answers if a.status == 429]
        assert len(refused) >= 2, "the burst is 4"
        assert int(refused[0].headers["retry-after"]) >= 1
        assert refused[0].json["code"] == "too-often"
        assert world.ask("/daemon", other).status == 200
        for _ in range(50):
            world.owner.get("/daemon")


def test_a_token_counts_at_the_unix_socket_too(world: OutsideWorld) -> None:
    secret = world.token("eyes")
    world.owner.get("/daemon")
    connection = world.owner._connection
    assert connection is not None
    connection.request("GET", "/api/v1/tokens", headers={"Authorization": f"Bearer {secret}"})
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (403, "denied")


def test_every_answer_keeps_browsers_and_caches_out(world: OutsideWorld) -> None:
    for answer in (world.ask("/daemon"), world.ask("/daemon", world.token("ci"))):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "server" not in answer.headers


def test_closing_half_of_a_connection_harms_nobody(world: OutsideWorld) -> None:
    import socket

    with world.connected() as stranger:
        stranger.sendall(b"GET /api/v1/daemon HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stranger.shutdown(socket.SHUT_WR)
        read_all(stranger)
    assert world.ask("/daemon").status == 401
