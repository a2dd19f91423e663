"""One connection: uvicorn's HTTP/1.1, with an end for those who never finish a request.

Headers have to be complete within `HEADERS_S`, counted from the first byte (or from the
connection, when none comes). Answers have to be taken: who reads nothing for half as long keeps
no place here. What is no HTTP is answered in our shape, then the connection ends.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from headway.api.peer import PEER, Peer

HEADERS_S = 10.0
HEADERS_BYTES_MAX = 16 * 1024
NO_HTTP = {
    "code": "bad-request",
    "error": "this is no request of HTTP/1.1 that could be understood",
    "remedy": f"headers may have {HEADERS_BYTES_MAX >> 10} KiB; see RFC 9112",
}


class Connection(H11Protocol):
    def __init__(
        self, config: Config, state: ServerState, peer: Peer, *, headers_s: float = HEADERS_S
    ) -> None:
        app_state: Mapping[str, Any] = {PEER: peer}
        super().__init__(config, state, dict(app_state))
        self.gone = asyncio.Event()
        self._headers_s = headers_s
        self._headers_due: asyncio.TimerHandle | None = None
        self._unread_bytes = 0
        self._next_look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._mind_headers()
        self._mind_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_headers()
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._mind_headers()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.trailing_data[0]:  # of the next request something is here already
            self._mind_headers()

    def send_400_response(self, msg: str) -> None:
        del msg
        body = json.dumps(NO_HTTP).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        headers += [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        headers.append((b"content-length", str(len(body)).encode()))
        try:
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # an answer was under way already; the end of the connection has to tell
        self.transport.close()

    def _mind_headers(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_headers()
        elif self._headers_due is None and not self.transport.is_closing():
            self._headers_due = self.loop.call_later(self._headers_s, self.transport.abort)

    def _forget_headers(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _mind_unread(self) -> None:
        """Also after the end of the conversation, which otherwise waits for the last byte."""
        unread_bytes = self.transport.get_write_buffer_size()
        if unread_bytes and unread_bytes == self._unread_bytes:
            self.transport.abort()
            return
        self._unread_bytes = unread_bytes
        self._next_look = self.loop.call_later(self._headers_s / 2, self._mind_unread)
