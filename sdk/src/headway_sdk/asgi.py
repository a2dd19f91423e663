"""The few words of ASGI that the SDK speaks, and a complete answer in one value."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_FORWARDED = frozenset({b"x-forwarded-for", b"forwarded", b"via"})
_LOCAL = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})

App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: bytes = b"text/plain; charset=utf-8"

    async def send(self, send: Send, *, head: bool, close: bool) -> None:
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"cache-control", b"no-store"),
        ]
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


def header(scope: Scope, name: bytes) -> bytes:
    """The first value of a header, or nothing."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


def is_direct(scope: Scope) -> bool:
    """Asked at this replica's own port, by a name of this machine.

    What came through Envoy, from a user or from another service, carries its headers: a service
    that passes everything on to us must not show our insides to its users. A web page of anybody
    that makes a browser here ask us would bring its own host name.
    """
    for name, value in scope["headers"]:
        if name in _FORWARDED or name.startswith(b"x-envoy-"):
            return False
        if name == b"host":
            host, _, port = value.lower().rpartition(b":")
            if (host if port.isdigit() else value.lower()) not in _LOCAL:
                return False
    return True


def wants_json(scope: Scope) -> bool:
    """`?format=json`, or a caller that accepts JSON and does not ask for HTML."""
    if b"format=json" in scope.get("query_string", b"").split(b"&"):
        return True
    accept = header(scope, b"accept")
    return b"application/json" in accept and b"text/html" not in accept


def with_headers(message: Message, *, request_id: str, close: bool) -> Message:
    """An answer's first message, with its request's id; and the end of the connection, if so."""
    headers = list(message.get("headers", ()))
    names = {name.lower() for name, _ in headers}
    if b"x-request-id" not in names:
        headers.append((b"x-request-id", request_id.encode("ascii")))
    if close and b"connection" not in names:
        headers.append((b"connection", b"close"))
    return {**message, "headers": headers}
