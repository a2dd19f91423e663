"""What every request must pass before a route sees it: a size limit, a time limit, no traceback.

Plain ASGI, outermost: whatever goes wrong inside, the asker gets JSON and we keep the details.
"""

import asyncio
import secrets

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway.api.problem import answer, log

BODY_BYTES_MAX = 2 * 1024 * 1024  # a description may have 1 MiB; JSON makes it longer
TOO_LARGE = "a description may have 1 MiB; keep data in files that it names"
REQUEST_S_MAX = 15.0  # no verb waits for the world, so this is generous


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
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > self._body_bytes_max:
            where = f"{scope['method']} {scope['path']}"
            refusal = answer(413, "too-large", f"{where}: {self._too_large()}", remedy=TOO_LARGE)
            await refusal(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._request_s_max):
                await self._app(scope, self._limited(receive), watched_send)
        except Exception as error:  # noqa: BLE001 - the last line before the asker
            response = self._explain(scope, error)
            # Half an answer cannot be taken back; the closed connection tells.
            if not started:
                await response(scope, receive, send)

    def _limited(self, receive: Receive) -> Receive:
        seen_bytes = 0

        async def limited() -> Message:
            nonlocal seen_bytes
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > self._body_bytes_max:
                raise HTTPException(413, self._too_large())
            return message

        return limited

    def _too_large(self) -> str:
        return f"the request is larger than {self._body_bytes_max // 1024} KiB"

    def _explain(self, scope: Scope, error: Exception) -> ASGIApp:
        where = f"{scope['method']} {scope['path']}"
        match error:
            case TimeoutError():
                return answer(
                    504,
                    "timeout",
                    f"{where}: no answer within {self._request_s_max:g} s",
                    remedy="headwayd is overloaded or stuck; headwayd.log says more. "
                    "The services run on without it",
                )
            case _:
                number = secrets.token_hex(4)
                log.error("%s failed (%s)", where, number, exc_info=error)
                return answer(
                    500,
                    "internal",
                    f"{where}: a fault in headwayd, number {number}",
                    remedy=f"headwayd.log has the details under {number}; please report them",
                )
