"""Who is at the other end of a connection, as far as the kernel knows. Nobody can pretend.

On the Unix socket it is a user; over TCP it is an address, which says nothing about who somebody
is: there only a token does (`door.py`). Found once per connection, travels in `scope["state"]`.
"""

import ipaddress
import os
import pwd
import socket
import struct
from dataclasses import dataclass

from starlette.types import Scope

from headway.model.actor import Actor, Role

PEER = "peer"
ACTOR = "actor"
_UCRED = struct.Struct("3i")  # pid, uid, gid
# One household or server has a whole network of version 6 addresses and could change at will.
V6_PREFIX_BITS = 64


@dataclass(frozen=True, slots=True)
class Peer:
    uid: int | None = None  # at the Unix socket
    network: str = ""  # over TCP: the address, or its network
    hosts: frozenset[str] = frozenset()  # over TCP: what the Host header may say
    requests_per_s: float = 0.0  # over TCP


NOBODY = Peer()


def unix_peer(connection: socket.socket) -> Peer:
    return Peer(uid=uid_of(connection))


def uid_of(connection: socket.socket) -> int | None:
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    except (OSError, AttributeError):  # AttributeError: a system that has no peer credentials
        return None
    _, uid, _ = _UCRED.unpack(raw)
    return int(uid)


def network_of(address: str) -> str:
    """`192.0.2.7`; of version 6 the network, `2001:db8:1:2::/64`."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, V6_PREFIX_BITS), strict=False))


def peer_of(scope: Scope) -> Peer:
    peer = scope.get("state", {}).get(PEER, NOBODY)
    assert isinstance(peer, Peer)
    return peer


def user_of(peer: Peer) -> Actor | None:
    """The daemon's own user and root are admins; nobody else is anybody without a token."""
    if peer.uid is None or peer.uid not in (0, os.geteuid()):
        return None
    return Actor(user_name(peer.uid), Role.ADMIN)


def actor_of(scope: Scope) -> Actor | None:
    """Whom the door has let in; None for somebody it does not know."""
    actor = scope.get("state", {}).get(ACTOR)
    assert actor is None or isinstance(actor, Actor)
    return actor


def stranger(peer: Peer) -> str:
    """Who was turned away, for the journal."""
    if peer.uid is not None:
        return user_name(peer.uid)
    return f"unknown at {peer.network}" if peer.network else "unknown"


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"
