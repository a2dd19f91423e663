"""A headwayd of straw that also listens over TCP, and what strangers can do to it."""

import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headway.cli.client import Client
from headway.testing.control import StrawControl
from headway.testing.served import served

ANSWER_S_MAX = 10.0
PREFIX = "/api/v1"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


@dataclass
class OutsideWorld:
    home: Path
    port: int
    control: StrawControl
    owner: Client  # at the Unix socket

    def token(self, name: str, role: str = "viewer", **more: object) -> str:
        made = self.owner.post("/tokens", {"name": name, "role": role, "for_s": 3600.0, **more})
        return str(made["secret"])

    def ask(
        self,
        path: str,
        token: str | None = None,
        *,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request in a connection of its own."""
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S_MAX)
        try:
            connection.request(method, PREFIX + path, body=raw, headers={**sent, **(headers or {})})
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, said, answer.read())
        finally:
            connection.close()

    def send(self, raw: bytes) -> bytes:
        """Exactly these bytes; all that comes back until the other side ends it."""
        with self.connected() as stranger:
            stranger.sendall(raw)
            return read_all(stranger)

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), ANSWER_S_MAX) as stranger:
            yield stranger


def read_all(stranger: socket.socket) -> bytes:
    """Until the other side ends the connection, in whichever way."""
    said = b""
    try:
        while more := stranger.recv(65_536):
            said += more
    except ConnectionResetError:
        pass
    return said


@contextmanager
def outside_world(home: Path, *, more: str = "", headers_s: float = 10.0) -> Iterator[OutsideWorld]:
    port = free_port()
    (home / "headwayd.toml").write_text(f'listen = "127.0.0.1:{port}"\n{more}')
    control = StrawControl()
    with served(control, home, headers_s=headers_s):
        owner = Client(home)
        try:
            until(lambda: listens(port))
            yield OutsideWorld(home, port, control, owner)
        finally:
            owner.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(ANSWER_S_MAX)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], object], limit_s: float = ANSWER_S_MAX) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {limit_s} s"
        time.sleep(0.01)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
