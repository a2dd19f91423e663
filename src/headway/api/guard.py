"""What every request must pass before a route sees it: limits, a time limit, no traceback.

Plain ASGI, outermost: whatever goes wrong inside, the asker gets JSON and we keep the details.
"""

import asyncio
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway.api.connection import HEADERS_BYTES_MAX
from headway.api.problem import answer, log

BODY_BYTES_MAX = 2 * 1024 * 1024  # a description may have 1 MiB; JSON makes it longer
SMALL_BODY_BYTES_MAX = 16 * 1024  # of everything else
WITH_DESCRIPTION = ("/plan", "/apply")
TOO_LARGE = "a description may have 1 MiB; keep data in files that it names"
REQUEST_S_MAX = 15.0  # no verb waits for the world, so this is generous
HEADERS_MAX = 64

SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
CLOSE = {"connection": "close"}
HTTPS_ONLY = {"strict-transport-security": "max-age=31536000"}


class Guard:
    def __init__(
        self,
        app: ASGIApp,
        *,
        body_bytes_max: int = BODY_BYTES_MAX,
        request_s_max: float = REQUEST_S_MAX,
    ) -> None:
        self._app = app
        self._body_bytes_max = body_bytes_max
        self._request_s_max = request_s_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = _Answer(send, is_https=scope["scheme"] == "https")
        asked = _Question(receive, self._body_max(scope))
        refusal = _refusal(scope, asked.bytes_max)
        if refusal is not None:
            await refusal(scope, receive, answered.send)
            return
        try:
            async with asyncio.timeout(self._request_s_max):
                await self._app(scope, asked.receive, answered.send)
        except ClientDisconnect:
            pass  # nobody is there any more to be told anything
        except asyncio.CancelledError:
            # By nobody but the server, when it ends: this took longer than the last moments.
            if not answered.has_started:
                await _leaving(scope)(scope, receive, answered.send)
        except Exception as error:  # noqa: BLE001 - the last line before the asker
            response = _explain(scope, error, is_asker_late=asked.is_awaited)
            # Half an answer cannot be taken back; the closed connection tells.
            if not answered.has_started:
                await response(scope, receive, answered.send)

    def _body_max(self, scope: Scope) -> int:
        with_description = scope["path"].endswith(WITH_DESCRIPTION)
        return self._body_bytes_max if with_description else SMALL_BODY_BYTES_MAX


class _Answer:
    """On its way out: with the headers of every answer."""

    def __init__(self, send: Send, *, is_https: bool) -> None:
        self._send = send
        self._headers = SECURITY_HEADERS | (HTTPS_ONLY if is_https else {})
        self.has_started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            MutableHeaders(scope=message).update(self._headers)
        await self._send(message)


class _Question:
    """On its way in: no larger than allowed, also when it does not say how large it will be."""

    def __init__(self, receive: Receive, bytes_max: int) -> None:
        self._receive = receive
        self._seen_bytes = 0
        self.bytes_max = bytes_max
        self.is_awaited = False

    async def receive(self) -> Message:
        self.is_awaited = True
        message = await self._receive()
        self.is_awaited = False
        self._seen_bytes += len(message.get("body", b""))
        if self._seen_bytes > self.bytes_max:
            raise HTTPException(413, _too_large(self.bytes_max))
        return message


def _refusal(scope: Scope, body_bytes_max: int) -> ASGIApp | None:
    headers = Headers(scope=scope)
    where = f"{scope['method']} {scope['path']}"
    if scope["http_version"] not in ("1.0", "1.1"):
        error = f"HTTP/{scope['http_version']} is not spoken here"
        return answer(505, "bad-request", error, remedy="ask in HTTP/1.1", headers=CLOSE)
    if len(scope["headers"]) > HEADERS_MAX:
        error = f"{where}: more than {HEADERS_MAX} headers"
        return answer(431, "too-large", error, remedy="send fewer", headers=CLOSE)
    if _head_bytes(scope) > HEADERS_BYTES_MAX:
        error = f"a head of more than {HEADERS_BYTES_MAX >> 10} KiB"
        return answer(431, "too-large", error, remedy="send less", headers=CLOSE)
    if "transfer-encoding" in headers and "content-length" in headers:
        # Two parties that each believe another one of them see different requests.
        error = f"{where}: says its length in two ways"
        return answer(400, "bad-request", error, remedy="send one of them", headers=CLOSE)
    if headers.get("content-encoding", "identity").lower() != "identity":
        error = f"{where}: a body that is {headers['content-encoding']}-encoded is not read"
        return answer(415, "bad-request", error, remedy="send it as plain JSON")
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > body_bytes_max:
        error = f"{where}: {_too_large(body_bytes_max)}"
        return answer(413, "too-large", error, remedy=TOO_LARGE)
    return None


def _head_bytes(scope: Scope) -> int:
    """h11 only limits what has not come whole."""
    target = len(scope["raw_path"]) + len(scope["query_string"])
    return target + sum(len(name) + len(value) for name, value in scope["headers"])


def _too_large(bytes_max: int) -> str:
    return f"the request is larger than {bytes_max // 1024} KiB"


def _leaving(scope: Scope) -> ASGIApp:
    text = f"{scope['method']} {scope['path']}: headwayd ends before this is answered"
    remedy = "it may have been heard: look before you ask again"
    return answer(503, "leaving", text, remedy=remedy, headers=CLOSE)


def _explain(scope: Scope, error: Exception, *, is_asker_late: bool) -> ASGIApp:
    where = f"{scope['method']} {scope['path']}"
    if isinstance(error, TimeoutError) and is_asker_late:
        text = f"{where}: its body did not come in time"
        return answer(408, "timeout", text, remedy="send it at once", headers=CLOSE)
    if isinstance(error, TimeoutError):
        return answer(
            504,
            "timeout",
            f"{where}: no answer in time",
            remedy="headwayd is overloaded or stuck; headwayd.log says more. "
            "The services run on without it",
        )
    number = secrets.token_hex(4)
    log.error("%s failed (%s)", where, number, exc_info=error)
    return answer(
        500,
        "internal",
        f"{where}: a fault in headwayd, number {number}",
        remedy=f"headwayd.log has the details under {number}; please report them",
    )
