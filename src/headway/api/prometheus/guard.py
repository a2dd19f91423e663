"""Who may ask: at the Unix socket our own user and root, over TCP whoever reaches this loopback.

Over TCP the Host header must name this machine, so that no web page can ask through a browser.
"""

import os

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from headway.api.peer import Peer, peer_of


class Guard:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not may_ask(peer_of(scope), _host(scope)):
            refusal = PlainTextResponse("not allowed here\n", status_code=403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def may_ask(peer: Peer, host: str) -> bool:
    if peer.uid is not None:
        return peer.uid in (0, os.geteuid())
    return host.lower() in peer.hosts


def _host(scope: Scope) -> str:
    """Without its port."""
    for name, value in scope["headers"]:
        if name == b"host":
            text = bytes(value).decode("latin-1")
            return text[: text.rindex("]") + 1] if "]" in text else text.partition(":")[0]
    return ""
