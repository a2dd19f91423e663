"""What strangers and tokens can send: never a fault of ours, never a hang, never more than a no."""

import contextlib
import http.client
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.api.outside_world import (
    OutsideWorld,
    descriptors,
    outside_world,
    read_all,
    until,
)

from headway.api.guard import BODY_BYTES_MAX, SMALL_BODY_BYTES_MAX
from headway.api.serving import CONNECTIONS_PER_PEER_MAX

SHOP = "/environments/shop/production"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@pytest.fixture
def world(tmp_path: Path, site_body: dict[str, object]) -> Iterator[OutsideWorld]:
    with outside_world(tmp_path, more="requests_per_s = 10000\n") as made:
        made.owner.post(f"{SHOP}/apply", site_body)
        yield made
        assert made.owner.get("/environments"), "it answers no more"


def raw(target: str, *headers: str, method: str = "GET", body: str = "") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(said)]


# What is sent, with a valid token in place of TOKEN -> what is answered, before the end.
WRONG_HTTP = {
    "no HTTP": (b"\x16\x03\x01\x00\xa5\x01\x00", [400]),
    "no HTTP/1": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    "no Host": (b"GET /api/v1/daemon HTTP/1.1\r\n\r\n", [400]),
    "two Hosts": (raw("/api/v1/daemon", "Host: localhost"), [400]),
    "a header over two lines": (raw("/api/v1/daemon", "A: b\r\n c", "TOKEN", "CLOSE"), [200]),
    "NUL in a header": (raw("/api/v1/daemon", "A: b\x00c"), [400]),
    "lone CR in a header": (raw("/api/v1/daemon", "A: b\rX: y"), [400]),
    "blank before the colon": (raw("/api/v1/daemon", "Content-Length : 3"), [400]),
    "lengths that differ": (
        raw("/api/v1/daemon", "Content-Length: 3", "Content-Length: 4", method="POST"),
        [400],
    ),
    "a length below zero": (raw("/api/v1/daemon", "Content-Length: -1"), [400]),
    "a length with a sign": (raw("/api/v1/daemon", "Content-Length: +1"), [400]),
    "a length in two ways": (
        raw(
            f"/api/v1{SHOP}/down",
            "TOKEN",
            "Content-Length: 4",
            "Transfer-Encoding: chunked",
            method="POST",
            body="0\r\n\r\nGET /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
        [400],
    ),
    "chunks twice": (
        raw("/api/v1/daemon", "Transfer-Encoding: chunked, chunked", method="POST"),
        [400, 501],
    ),
    "a chunk that lies": (
        raw(
            f"/api/v1{SHOP}/down",
            "TOKEN",
            "Transfer-Encoding: chunked",
            "Content-Type: application/json",
            method="POST",
            body="ZZ\r\n{}\r\n0\r\n\r\n",
        ),
        [400],
    ),
    "too long a header": (raw("/api/v1/daemon", "A: " + "b" * 20_000), [431]),
    "too many headers": (
        raw("/api/v1/daemon", "TOKEN", "CLOSE", *(f"A{n}: b" for n in range(70))),
        [431],
    ),
    "too long a target": (raw("/" + "a" * 20_000), [431]),
    "a whole address": (raw("http://localhost/api/v1/daemon", "TOKEN", "CLOSE"), [404]),
    "somebody else's address": (raw("http://evil.example/", "TOKEN", "CLOSE"), [404]),
    "CONNECT": (raw("evil.example:443", "TOKEN", "CLOSE", method="CONNECT"), [404, 405]),
    "a WebSocket": (
        raw(
            "/api/v1/daemon",
            "TOKEN",
            "Connection: Upgrade, close",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
        [200],
    ),
    "HTTP/2 by upgrade": (
        raw("/api/v1/daemon", "TOKEN", "Connection: Upgrade, close", "Upgrade: h2c"),
        [200],
    ),
    "a path of dots": (raw("/api/v1/../../etc/passwd", "TOKEN", "CLOSE"), [404]),
    "slashes in disguise": (
        raw("/api/v1/environments/..%2f..%2fetc/production", "TOKEN", "CLOSE"),
        [400, 404],
    ),
    "NUL in a name": (raw("/api/v1/environments/shop%00/production", "TOKEN", "CLOSE"), [400]),
    "a letter that looks the same": (
        raw("/api/v1/environments/sh%D0%BEp/production", "TOKEN", "CLOSE"),
        [400],
    ),
    "bytes that are no text": (raw("/api/v1/environments/%ff%fe/x", "TOKEN", "CLOSE"), [400]),
    "a line break in a name": (
        raw("/api/v1/environments/shop%0d%0aX:y/production", "TOKEN", "CLOSE"),
        [400],
    ),
}


def test_what_is_no_proper_http_gets_one_clear_no(world: OutsideWorld) -> None:
    token = world.token("eyes", "admin")
    for what, (sent, expected) in WRONG_HTTP.items():
        filled = sent.replace(b"TOKEN", f"Authorization: Bearer {token}".encode())
        said = world.send(filled.replace(b"\r\nCLOSE", b"\r\nConnection: close"))
        found = statuses(said)
        assert len(found) == 1, f"{what}: {said!r}"
        assert found[0] in expected, f"{what}: {said!r}"
        body = said.partition(b"\r\n\r\n")[2]
        assert found[0] == 200 or set(json.loads(body)) == {"code", "error", "remedy"}, what
    assert world.owner.get(SHOP)["going_down"] is False


def test_requests_in_one_piece_are_answered_in_their_order(world: OutsideWorld) -> None:
    token = f"Authorization: Bearer {world.token('eyes')}"
    one = raw("/api/v1/daemon", token)
    said = world.send(
        one * 20 + raw("/nonsense", token) + raw("/api/v1/daemon", "Connection: close")
    )
    assert statuses(said) == [*([200] * 20), 404, 401]


TRAPS = [
    b"[" * 8000,
    b'{"a":' * 2000,
    b'{"count": ' + b"9" * 8000 + b"}",
    b'{"count": 1e999}',
    b'{"count": NaN}',
    b'{"count": true}',
    b'{"count": "3"}',
    b'{"count": 2, "for_s": NaN}',
    b'{"count": 2, "reason": "\\ud800"}',
    b'{"count": 2, "reason": "a\\u0000b"}',
    b'{"count": 2, "reason": "done\\r\\nSet-Cookie: a=b"}',
    b'{"count": 2, "reason": "\\u202egnol"}',
    b"\xff\xfe{\x00}\x00",
    b"\x00",
    b"",
    b"null",
    json.dumps({f"k{n}": 0 for n in range(1000)}).encode(),
]


def test_a_body_that_is_a_trap_is_the_askers_mistake(world: OutsideWorld) -> None:
    token = world.token("hands", "operator")
    for body in TRAPS:
        answer = world.ask(f"{SHOP}/services/ads/scale", token, method="POST", body=body)
        assert (answer.status, answer.json["code"]) == (400, "bad-request"), body
        assert len(answer.raw) < 2000, "the answer must not be a copy of the trap"


def test_a_description_with_a_million_keys_around_it_is_one_mistake(world: OutsideWorld) -> None:
    token = world.token("hands", "admin")
    keys = json.dumps({f"{n:x}": 0 for n in range(150_000)}).encode()
    assert SMALL_BODY_BYTES_MAX < len(keys) < BODY_BYTES_MAX
    answer = world.ask(f"{SHOP}/plan", token, method="POST", body=keys)
    assert (answer.status, len(answer.raw) < 500) == (400, True)
    small = world.ask(f"{SHOP}/down", token, method="POST", body=keys)
    assert small.status == 413


def test_a_packed_body_is_not_unpacked(world: OutsideWorld) -> None:
    token = world.token("hands", "admin")
    packed = {"Content-Encoding": "gzip"}
    answer = world.ask(f"{SHOP}/plan", token, method="POST", body=b"\x1f\x8b", headers=packed)
    assert answer.status == 415


def test_headers_that_never_end_are_cut_and_so_is_silence(tmp_path: Path) -> None:
    with outside_world(tmp_path, headers_s=0.3) as world:
        token = world.token("eyes")
        with world.connected() as silent, world.connected() as slow, world.connected() as second:
            slow.sendall(b"GET /api/v1/daemon HTTP/1.1\r\nHost: local")
            asked = raw("/api/v1/daemon", f"Authorization: Bearer {token}")
            second.sendall(asked + asked[:30])
            assert read_all(silent) == b""
            assert read_all(slow) == b""
            assert statuses(read_all(second)) == [200]


def test_a_drip_of_bytes_does_not_put_the_end_off(tmp_path: Path) -> None:
    with outside_world(tmp_path, headers_s=1.0) as world, world.connected() as slow:
        slow.settimeout(0.02)
        sent = 0

        def is_cut() -> bool:
            nonlocal sent
            try:
                slow.sendall(b"x")
                sent += 1
                return slow.recv(1) == b""
            except TimeoutError:
                return False
            except (ConnectionResetError, BrokenPipeError):
                return True

        until(is_cut)
        assert sent > 2


def test_who_asks_and_asks_and_reads_nothing_is_cut(tmp_path: Path) -> None:
    with outside_world(tmp_path, headers_s=0.3) as world, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", world.port))
        deaf.settimeout(0.02)
        many = raw("/api/v1/daemon") * 200

        def is_cut() -> bool:
            try:
                deaf.sendall(many)
            except TimeoutError:
                return False
            except (ConnectionResetError, BrokenPipeError):
                return True
            return False

        until(is_cut)


def test_one_peer_takes_so_many_connections_and_no_more(world: OutsideWorld) -> None:
    before = descriptors()
    token = world.token("eyes")
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(world.connected()) for _ in range(400)]

        def inside() -> int:
            """Ours and theirs are descriptors of this one process; who was cut has only ours."""
            return descriptors() - before - len(crowd)

        until(lambda: inside() <= CONNECTIONS_PER_PEER_MAX)
        assert inside() > CONNECTIONS_PER_PEER_MAX // 2
        for _ in range(20):
            world.owner.get("/daemon")  # the Unix socket has places of its own
    until(lambda: _answers(world, token))


def _answers(world: OutsideWorld, token: str) -> bool:
    """False for one that was cut: it is not yet known that others have left."""
    try:
        return world.ask("/daemon", token).status == 200
    except (OSError, http.client.HTTPException):
        return False
