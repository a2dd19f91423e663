"""The endpoints of one cluster, in the form that Envoy reads fastest.

Envoy must know in milliseconds who gets traffic, also among a thousand replicas. Two thirds of what
it did at each change was to read JSON, so the endpoints, and only they, are written in protobuf's
binary form (docs/decisions/0011). People ask Envoy instead of the file: `/clusters` at its admin
socket lists every endpoint, and what became of it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from headway.traffic.resources import DIGEST_CHARS, TYPES, Endpoints
from headway.traffic.wire import DamagedError, Value, fields, message, number, text

TYPE = TYPES + "envoy.config.endpoint.v3.ClusterLoadAssignment"
# Addresses that are kept ready to be written, some 300 bytes each.
PLACES_KEPT = 10_000

# Envoy's numbers for its fields, message by message.
RESPONSE_VERSION, RESPONSE_RESOURCE = 1, 2
ANY_TYPE, ANY_VALUE = 1, 2
ASSIGNMENT_CLUSTER, ASSIGNMENT_STEP = 1, 2
STEP_MEMBER, STEP_PRIORITY = 2, 5
MEMBER_ENDPOINT, MEMBER_METADATA, MEMBER_WEIGHT = 1, 3, 4
ENDPOINT_ADDRESS, ENDPOINT_HOSTNAME = 1, 3
ADDRESS_SOCKET = 1
SOCKET_HOST, SOCKET_PORT = 2, 3
METADATA_FILTER, STRUCT_FIELD, VALUE_TEXT = 1, 1, 3
ENTRY_KEY, ENTRY_VALUE = 1, 2  # of every map
WRAPPED = 1  # a number that may be absent is a message with this field


class Member(NamedTuple):
    """One replica in the endpoints."""

    replica: str
    address: str
    port: int
    weight: int
    far: bool  # only asked when the near ones cannot carry the load


def endpoints(cluster_name: str, members: Sequence[Member], *, named: bool) -> Endpoints:
    """`members` in an order that no chance decides. `named`: keys belong to the replica.

    Who is not in here gets nothing new; nobody is in here with a mark (docs/decisions/0005). Far
    replicas always stand on the second step, also while no near one is there: a replica that
    changed its step would have to pass its checks again.
    """
    steps = [_step(0, (m for m in members if not m.far), named=named)]
    if any(m.far for m in members):
        steps.append(_step(1, (m for m in members if m.far), named=named))
    assignment = text(ASSIGNMENT_CLUSTER, cluster_name) + b"".join(steps)
    version = hashlib.sha256(assignment).hexdigest()[:DIGEST_CHARS]
    return Endpoints(cluster_name, version, assignment)


def file_of(made: Endpoints) -> bytes:
    """A DiscoveryResponse: what Envoy watches."""
    resource = text(ANY_TYPE, TYPE) + message(ANY_VALUE, made.assignment)
    return text(RESPONSE_VERSION, made.version) + message(RESPONSE_RESOURCE, resource)


def read_back(file: bytes) -> tuple[str, tuple[Member, ...]] | None:
    """The version of a file and who is in it; None when it is damaged."""
    try:
        response = dict(fields(file))
        version = _as_text(response[RESPONSE_VERSION])
        resource = dict(fields(_as_bytes(response[RESPONSE_RESOURCE])))
        return version, tuple(_members(_as_bytes(resource[ANY_VALUE])))
    except (DamagedError, KeyError):
        return None


def _step(priority: int, members: Iterable[Member], *, named: bool) -> bytes:
    written = [
        message(STEP_MEMBER, _place(m.replica, m.address, m.port, named) + _weight(m.weight))
        for m in members
    ]
    return message(ASSIGNMENT_STEP, b"".join(written) + number(STEP_PRIORITY, priority))


@lru_cache(maxsize=PLACES_KEPT)
def _place(replica: str, address: str, port: int, named: bool) -> bytes:
    socket = text(SOCKET_HOST, address) + number(SOCKET_PORT, port)
    where = message(ENDPOINT_ADDRESS, message(ADDRESS_SOCKET, socket))
    endpoint = message(MEMBER_ENDPOINT, where + text(ENDPOINT_HOSTNAME, replica))
    return endpoint + _key(replica) if named else endpoint


def _key(replica: str) -> bytes:
    """Keys belong to the replica, not to the port that this life of it happens to have."""
    name = _entry("hash_key", text(VALUE_TEXT, replica))
    balancer = _entry("envoy.lb", message(STRUCT_FIELD, name))
    return message(MEMBER_METADATA, message(METADATA_FILTER, balancer))


def _entry(key: str, value: bytes) -> bytes:
    return text(ENTRY_KEY, key) + message(ENTRY_VALUE, value)


@lru_cache
def _weight(weight: int) -> bytes:
    return message(MEMBER_WEIGHT, number(WRAPPED, weight))


def _members(assignment: bytes) -> Iterator[Member]:
    for number_, step in fields(assignment):
        if number_ == ASSIGNMENT_STEP:
            told = list(fields(_as_bytes(step)))
            far = bool(dict(told).get(STEP_PRIORITY, 0))
            yield from (_member(_as_bytes(m), far=far) for n, m in told if n == STEP_MEMBER)


def _member(written: bytes, *, far: bool) -> Member:
    told = dict(fields(written))
    endpoint = dict(fields(_as_bytes(told[MEMBER_ENDPOINT])))
    where = dict(fields(_as_bytes(endpoint[ENDPOINT_ADDRESS])))
    socket = dict(fields(_as_bytes(where[ADDRESS_SOCKET])))
    weight = dict(fields(_as_bytes(told[MEMBER_WEIGHT])))
    return Member(
        replica=_as_text(endpoint[ENDPOINT_HOSTNAME]),
        address=_as_text(socket[SOCKET_HOST]),
        port=_as_number(socket[SOCKET_PORT]),
        weight=_as_number(weight[WRAPPED]),
        far=far,
    )


def _as_bytes(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    raise DamagedError("a number where a message belongs")


def _as_text(value: Value) -> str:
    try:
        return _as_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise DamagedError("bytes that are no text") from error


def _as_number(value: Value) -> int:
    if isinstance(value, int):
        return value
    raise DamagedError("a message where a number belongs")
