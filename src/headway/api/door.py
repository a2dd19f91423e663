"""Who is let in: before any route, any body and any answer that would tell something.

Who shows a token is that token, wherever he comes from. Who comes by the Unix socket without one
is the user whom the kernel names. Anybody else is asked for a token and told nothing.
"""

import math
import time
from typing import cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from headway.access.rate import Buckets, Rate
from headway.access.token import is_secret
from headway.api.control import Control, DenialView
from headway.api.peer import ACTOR, Peer, peer_of, stranger, user_of
from headway.api.problem import answer
from headway.model.actor import Actor

BURST_S = 4.0  # worth of requests may come at once
NETWORK_FACTOR = 4.0  # several people behind one address
ENTER = "enter"


class Door:
    def __init__(self, app: ASGIApp, *, control: Control) -> None:
        self._app = app
        self._control = control
        self._buckets = Buckets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, peer = Headers(scope=scope), peer_of(scope)
        refusal = self._wrong_host(headers, peer) or self._too_often(
            peer.network, peer.requests_per_s * NETWORK_FACTOR
        )
        actor = None
        if refusal is None:
            shown = headers.getlist("authorization")
            actor = await self._actor(shown, peer)
            if actor is None and (shown or peer.uid is None):
                refusal = await self._unknown(peer, shown)
        if refusal is None and actor is not None:
            refusal = self._too_often(actor.name, peer.requests_per_s)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})[ACTOR] = actor
        await self._app(scope, receive, send)

    async def _actor(self, shown: list[str], peer: Peer) -> Actor | None:
        if not shown:
            return user_of(peer)
        secret = _secret(shown)
        return None if secret is None else await self._control.keyring.identify(secret)

    def _wrong_host(self, headers: Headers, peer: Peer) -> ASGIApp | None:
        """A page in somebody's browser can make its own name point here (DNS rebinding)."""
        if not peer.network:
            return None
        said = headers.getlist("host")
        if len(said) == 1 and _without_port(said[0]) in peer.hosts:
            return None
        return answer(
            421,
            "wrong-host",
            "this is not the host that was asked for",
            remedy="ask by a name of this host; `names` in headwayd.toml adds some",
        )

    def _too_often(self, name: str, per_s: float) -> ASGIApp | None:
        if not name or not per_s:
            return None
        wait_s = self._buckets.take(name, Rate(per_s, per_s * BURST_S), time.monotonic())
        if not wait_s:
            return None
        wait = str(math.ceil(wait_s))
        return answer(
            429,
            "too-often",
            f"more than {per_s:g} requests a second",
            remedy=f"ask again in {wait} s",
            headers={"retry-after": wait},
        )

    async def _unknown(self, peer: Peer, shown: list[str]) -> ASGIApp:
        what = "a token that is wrong, revoked or expired" if shown else "no token"
        await self._control.audit(DenialView(stranger(peer), ENTER, "api", what))
        challenge = 'Bearer realm="headway"' + (', error="invalid_token"' if shown else "")
        remedy = "headway token create, on the host of headwayd, makes one"
        return cast(
            "ASGIApp",
            answer(
                401,
                "no-token",
                f"shown was {what}",
                remedy=f"Authorization: Bearer hw_…; {remedy}",
                headers={"www-authenticate": challenge},
            ),
        )


def _secret(shown: list[str]) -> str | None:
    if len(shown) != 1:
        return None
    scheme, _, secret = shown[0].partition(" ")
    secret = secret.strip(" ")
    return secret if scheme.lower() == "bearer" and is_secret(secret) else None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdecimal() and not name.endswith(":"):
        host = name
    return host.lower().rstrip(".")
