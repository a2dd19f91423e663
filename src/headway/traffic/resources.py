"""The pieces of an Envoy configuration, each with the hash of its content: plain JSON, but for the
endpoints.

A snapshot is compared and published resource by resource; equal content has an equal version,
whoever made it and whenever. Nothing here knows how a resource reaches Envoy.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headway.model.ids import ReplicaId

Body = Mapping[str, Any]

TYPES = "type.googleapis.com/"
DIGEST_CHARS = 12
SET = "OVERWRITE_IF_EXISTS_OR_ADD"  # what Envoy does with a header


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    body: Body  # never changed after it was made
    version: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Who gets traffic at one cluster; written and read by `endpoints.py`."""

    name: str  # of the cluster
    version: str
    assignment: bytes  # Envoy's ClusterLoadAssignment, in protobuf's binary form


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything Envoy has to know at one moment; each part sorted by name."""

    clusters: tuple[Resource, ...]
    endpoints: tuple[Endpoints, ...]  # one per cluster
    listeners: tuple[Resource, ...]
    routes: tuple[Resource, ...]  # one part of the table per HTTP listener, with its name
    replicas: frozenset[ReplicaId]
    rates: tuple[tuple[str, float], ...] = ()  # requests per second by cluster, where limited

    @property
    def structure(self) -> str:
        """The version of everything but the endpoints."""
        parts = (self.clusters, self.listeners, self.routes)
        return digest([[[r.version for r in part] for part in parts], self.rates])


def resource(name: str, body: Body) -> Resource:
    return Resource(name, body, digest(body))


def digest(content: object) -> str:
    """Equal content, equal digest; also for mappings that were filled in another order."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARS]


def extension(name: str, type_name: str, **fields: Any) -> dict[str, Any]:
    """One of Envoy's extensions, with its typed configuration."""
    return {"name": name, "typed_config": typed(type_name, **fields)}


def typed(type_name: str, **fields: Any) -> dict[str, Any]:
    return {"@type": TYPES + type_name, **fields}


def seconds(value_s: float) -> str:
    """A duration as Envoy's JSON wants it."""
    return f"{value_s:.3f}s"


def address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
