"""Which part of a request decides the replica that gets it, as Envoy's routes are told.

A request without that part (no such header, no cookie yet) goes to any replica. Cookies are only
read: one that Envoy made up under the service's own name would be a session that the service never
opened. Sticky is not a promise of memory: a replica that leaves or is overloaded gives its users to
others, so what must not be lost is kept elsewhere.
"""

from typing import Any

from headway.model.site import HashKey, HashOn

QUERY_OF_PATH = r"\?.*"


def http_policy(key: HashKey | None, *, from_users: bool) -> list[dict[str, Any]]:
    """Empty: by chance. `from_users` is false where all callers have this machine's address."""
    if key is None:
        return []
    match key.on:
        case HashOn.HEADER:
            return [{"header": {"header_name": key.name}}]
        case HashOn.COOKIE:
            return [{"cookie": {"name": key.name}}]
        case HashOn.QUERY:
            return [{"query_parameter": {"name": key.name}}]
        case HashOn.PATH:
            without_query = {"pattern": {"regex": QUERY_OF_PATH}, "substitution": ""}
            return [{"header": {"header_name": ":path", "regex_rewrite": without_query}}]
        case HashOn.SOURCE:
            return [{"connection_properties": {"source_ip": True}}] if from_users else []


def tcp_policy(key: HashKey | None, *, from_users: bool) -> list[dict[str, Any]]:
    """Of a connection nothing is known but where it comes from."""
    by_source = key is not None and key.on is HashOn.SOURCE
    return [{"source_ip": {}}] if by_source and from_users else []
