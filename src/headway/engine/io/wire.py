"""How a keeper and its clients talk: one JSON object per line over a Unix socket.

A request is `{"id": 7, "do": "start", "epoch": 3, …}` and is answered by `{"id": 7, "ok": true, …}`
or `{"id": 7, "ok": false, "why": "stale-epoch", "detail": "…"}`. A client that asked to `watch` is
also sent `{"life": {…}}` whenever a life changes and `{"gone": "web-2"}` when one is forgotten,
and `{"trouble": "…"}` when something hinders the keeper (or, empty, no longer does).
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

SOCKET_NAME = "keeper.sock"
PROTOCOL = 1  # a keeper of another one is asked to leave, and its successor adopts what runs
LINE_BYTES_MAX = 8 << 20  # a list of some ten thousand lives; an environment of 2 MB
STALE_EPOCH = "stale-epoch"
BAD_REQUEST = "bad-request"
CONFLICT = "conflict"
BUSY = "busy"

Message = dict[str, Any]


class Refused(Exception):  # noqa: N818  an answer, not an accident
    """A request that will not be carried out."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Raises `Refused` for anything that is not one JSON object."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise Refused(BAD_REQUEST, "not a line of JSON") from None
    if not isinstance(message, dict):
        raise Refused(BAD_REQUEST, "not a JSON object")
    return message


def listen(directory: Path) -> socket.socket:
    """The keeper's socket, for its owner only. The caller holds the directory's lock."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    (directory / SOCKET_NAME).unlink(missing_ok=True)
    umask = os.umask(0o177)
    try:
        with _short(directory) as path:
            server.bind(path)
    finally:
        os.umask(umask)
    server.listen(64)
    server.setblocking(False)
    return server


def connect(directory: Path) -> socket.socket:
    """Raises OSError when no keeper listens there."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.setblocking(False)
        with _short(directory) as path:
            client.connect(path)
    except OSError:
        client.close()
        raise
    return client


class _short:  # noqa: N801  used as a function
    """A name for the socket that fits in its 107 bytes, however deep the directory lies."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> str:
        self._fd = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._fd}/{SOCKET_NAME}"

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
