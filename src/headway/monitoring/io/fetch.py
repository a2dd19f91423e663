"""Fetch what a target tells, over TCP or a Unix socket. Limits on everything; redirects are not
followed. What comes back is a text, or the reason why there is none.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import h11

from headway.monitoring.targets import METRICS_PATH, Page

TEXT_BYTES_MAX = 8 << 20
CHUNK_BYTES = 64 << 10
ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.8,*/*;q=0.1"
TEXTS = frozenset({"text/plain", "application/openmetrics-text"})
Opening: TypeAlias = Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
NOT_THERE = frozenset({401, 403, 404, 405, 406, 410, 426, 501})


class Reason(StrEnum):
    """Why a scrape brought nothing; the label of `scrape_errors_total`."""

    REFUSED = "refused"  # nobody listens, or the connection broke
    LATE = "late"
    STATUS = "status"  # an error of the target
    TOO_BIG = "too_big"
    MALFORMED = "malformed"
    NONE_TOLD = "none_told"  # it has no metrics: nothing is wrong


class ScrapeError(Exception):
    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str  # without its parameters; "": not said
    body: bytes


async def fetch_page(page: Page, timeout_s: float) -> str:
    """The metrics that a replica tells. Whoever tells other things there has none."""
    answer = await _bounded(_open_tcp(page.host, page.port), page.host, page.path, timeout_s)
    if answer.status in NOT_THERE:
        raise ScrapeError(Reason.NONE_TOLD, f"{answer.status}: it has no {METRICS_PATH}")
    if answer.status != 200:
        raise ScrapeError(Reason.STATUS, f"it answered with {answer.status}")
    if answer.content_type not in TEXTS:
        said = answer.content_type[:60] or "a text without a Content-Type"
        raise ScrapeError(Reason.NONE_TOLD, f"{said} is no metrics")
    return _text(answer)


async def fetch_local(socket: str, path: str, timeout_s: float) -> str:
    """From a Unix socket, where only status 200 is an answer."""
    answer = await _bounded(asyncio.open_unix_connection(socket), "admin", path, timeout_s)
    if answer.status != 200:
        raise ScrapeError(Reason.STATUS, f"it answered with {answer.status}")
    return _text(answer)


def _text(answer: Answer) -> str:
    try:
        return answer.body.decode()
    except UnicodeDecodeError as error:
        raise ScrapeError(Reason.MALFORMED, f"no UTF-8 at byte {error.start}") from None


def _open_tcp(host: str, port: int) -> Opening:
    return asyncio.open_connection(host, port, limit=CHUNK_BYTES)


async def _bounded(opening: Opening, host: str, path: str, timeout_s: float) -> Answer:
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await opening
            try:
                return await _exchange(reader, writer, host, path)
            finally:
                writer.transport.abort()
    except TimeoutError:
        raise ScrapeError(Reason.LATE, f"no whole answer in {timeout_s:g} s") from None
    except h11.RemoteProtocolError as error:
        raise ScrapeError(Reason.MALFORMED, f"no HTTP: {error}") from None
    except OSError as error:
        raise ScrapeError(Reason.REFUSED, error.strerror or str(error)) from None


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, path: str
) -> Answer:
    connection = h11.Connection(h11.CLIENT)
    headers = [
        ("Host", host),
        ("Accept", ACCEPT),
        ("User-Agent", "headway-monitor"),
        ("Connection", "close"),
    ]
    request = connection.send(h11.Request(method="GET", target=path, headers=headers))
    writer.write((request or b"") + (connection.send(h11.EndOfMessage()) or b""))
    status, content_type = 0, ""
    parts: list[bytes] = []
    size = 0
    data = b"?"
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            if data:
                raise
            raise ScrapeError(Reason.REFUSED, "it broke off before its answer was whole") from None
        match event:
            case h11.NEED_DATA:
                data = await reader.read(CHUNK_BYTES)
                connection.receive_data(data)
            case h11.Response():
                status = event.status_code
                content_type = _content_type(event)
            case h11.Data():
                size += len(event.data)
                if size > TEXT_BYTES_MAX:
                    most = f"more than {TEXT_BYTES_MAX >> 20} MiB"
                    raise ScrapeError(Reason.TOO_BIG, most)
                parts.append(bytes(event.data))
            case h11.EndOfMessage():
                return Answer(status, content_type, b"".join(parts))
            case _:
                raise ScrapeError(Reason.REFUSED, "it ended the connection without an answer")


def _content_type(response: h11.Response) -> str:
    for name, value in response.headers:
        if name == b"content-type":
            return value.decode("latin-1").partition(";")[0].strip().lower()
    return ""
