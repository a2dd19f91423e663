"""Who is at the other end of a Unix socket: the kernel knows, nobody can pretend.

The uid is read once per connection and travels in `scope["state"]`. A connection that is not a
Unix socket has none, and then nobody is there.
"""

import asyncio
import os
import pwd
import socket
import struct

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from headway.model.actor import Actor, Role

PEER_UID = "peer_uid"
_UCRED = struct.Struct("3i")  # pid, uid, gid


class PeerProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which also notes who connected."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        uid = uid_of(transport.get_extra_info("socket"))
        self.app_state = {**self.app_state, PEER_UID: uid}
        super().connection_made(transport)


def uid_of(connection: socket.socket | None) -> int | None:
    if connection is None or connection.family != socket.AF_UNIX:
        return None
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    except (OSError, AttributeError):  # AttributeError: a system that has no peer credentials
        return None
    _, uid, _ = _UCRED.unpack(raw)
    return int(uid)


def actor_of(scope: Scope) -> Actor | None:
    """The daemon's own user and root are admins; nobody else is anybody yet."""
    uid = scope.get("state", {}).get(PEER_UID)
    if uid is None or uid not in (0, os.geteuid()):
        return None
    return Actor(user_name(uid), Role.ADMIN)


def stranger(scope: Scope) -> str:
    """Who was turned away, for the journal."""
    uid = scope.get("state", {}).get(PEER_UID)
    return "unknown" if uid is None else user_name(uid)


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"
