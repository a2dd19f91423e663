"""Judge what a replica answered to a health check, byte by byte as it arrives."""

import re
from dataclasses import dataclass

from headway.model.site import Expect

ANSWER_BYTES_MAX = 64 << 10
SHOWN_CHARS_MAX = 24
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n")
LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*chunked", re.IGNORECASE | re.MULTILINE)
HEADERS_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Heard:
    ok: bool
    answer: str  # for people


def listen(expect: Expect, data: bytes, *, ended: bool) -> Heard | None:
    """The verdict; None while more must be read. `ended`: nothing will follow."""
    status = STATUS_LINE.match(data)
    if status is None:
        return _without_status(data, ended=ended)
    code, reason = int(status[1]), (status[2] or b"").decode("ascii", "replace").strip()
    said = f"{code} {reason[:60]}".strip()
    if expect is Expect.STATUS:
        return Heard(200 <= code < 300, said)
    if code != 200:
        return Heard(False, said)
    body = _body(data, ended=ended)
    if body is None:
        return _too_much(data, said)
    if body == b"OK":
        return Heard(True, said)
    return Heard(False, f"{code} but the body is {_shown(body)}, not `OK`")


def _without_status(data: bytes, *, ended: bool) -> Heard | None:
    if ended and not data:
        return Heard(False, "closed the connection without an answer")
    begins_well = b"HTTP/1."[: len(data)] == data[:7]
    if begins_well and not ended and len(data) < ANSWER_BYTES_MAX:
        return None
    return Heard(False, f"an answer that is not HTTP/1.1: {_shown(data)}")


def _too_much(data: bytes, said: str) -> Heard | None:
    if len(data) < ANSWER_BYTES_MAX:
        return None
    return Heard(False, f"{said} but with more than {ANSWER_BYTES_MAX >> 10} KiB, not `OK`")


def _body(data: bytes, *, ended: bool) -> bytes | None:
    """As much as there is once it is whole or longer than any good one; None: read on."""
    end = HEADERS_END.search(data)
    if end is None:
        return b"" if ended else None
    headers, body = data[: end.start()] + b"\n", data[end.end() :]
    if CHUNKED.search(headers):
        return _unchunk(body, ended=ended)
    length = LENGTH.search(headers)
    if length is not None and len(body) >= int(length[1]):
        return body[: int(length[1])]
    return body if ended or len(body) > SHOWN_CHARS_MAX else None


def _unchunk(data: bytes, *, ended: bool) -> bytes | None:
    body, rest = b"", data
    while True:
        line, newline, rest = rest.partition(b"\r\n")
        try:
            size = int(line.split(b";")[0], 16) if newline else None
        except ValueError:
            return body + line
        if size is None or len(rest) < size:
            return body + rest if ended or len(body + rest) > SHOWN_CHARS_MAX else None
        if size == 0:
            return body
        body, rest = body + rest[:size], rest[size + 2 :]


def _shown(data: bytes) -> str:
    if not data:
        return "empty"
    text = data[:SHOWN_CHARS_MAX].decode("utf-8", "replace")
    shown = "".join(c if c.isprintable() else "·" for c in text)
    return f"`{shown}…`" if len(data) > SHOWN_CHARS_MAX else f"`{shown}`"
