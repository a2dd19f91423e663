"""One keep-alive HTTP/1.1 connection that sends one request at a time and reports how it ended.

It never sends a request twice. A connection that the server closed while it was idle is simply no
longer usable; one that is closed after a request was written makes that request fail, because
nobody can know whether it was carried out.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import httptools

SAID_BYTES_MAX = 256
SAID_CHARS_SHOWN = 48
FAILED_STATUS = 500


@dataclass(frozen=True, slots=True)
class Answer:
    status: int | None
    error: str = ""
    answered_by: str = ""


class Connection(asyncio.Protocol):
    """`on_done(connection, answer)` once per request; `on_closed(connection)` once at the end."""

    def __init__(
        self,
        on_done: Callable[["Connection", Answer], None],
        on_closed: Callable[["Connection"], None],
    ) -> None:
        self._on_done = on_done
        self._on_closed = on_closed
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._busy = False
        self._keep_alive = True
        self._answered_by = ""
        self._said = b""

    @property
    def usable(self) -> bool:
        """False as soon as either side has begun to close: then nothing is written to it."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self._keep_alive

    def send(self, request: bytes) -> None:
        assert self.usable, "a request must not be written to a closing connection"
        assert not self._busy, "one request at a time: there is no pipelining"
        assert self._transport is not None
        self._busy = True
        self._answered_by, self._said = "", b""
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)

    def abort(self) -> None:
        """Give up on the request in flight; the caller has already recorded how it ended."""
        self._busy = False
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # What asyncio tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._parser is None or not self._busy:
            self.close()  # an answer that nobody asked for
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._finish(Answer(None, "not HTTP"))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._busy:
            self._finish(Answer(None, "reset" if exc else "closed early"))
        self._on_closed(self)

    # What httptools tells us.

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-replica":
            self._answered_by = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        if len(self._said) < SAID_BYTES_MAX:
            self._said += body

    def on_message_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        self._keep_alive = self._parser.should_keep_alive()
        if not self._keep_alive:
            self.close()
        error = f"{status} {_shortened(self._said)}".strip() if status >= FAILED_STATUS else ""
        self._finish(Answer(status, error, self._answered_by))

    def _finish(self, answer: Answer) -> None:
        if self._busy:
            self._busy = False
            self._on_done(self, answer)


def _shortened(said: bytes) -> str:
    """Why a proxy says it failed; what comes before the reason is the same for all."""
    text = " ".join(said[:SAID_BYTES_MAX].decode(errors="replace").split())
    return text.rpartition("reset reason: ")[2][:SAID_CHARS_SHOWN]
