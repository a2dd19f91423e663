"""A snapshot as the files that Envoy watches, and the names under which Envoy says what it took.

Paths are relative to Envoy's directory, so a configuration does not depend on where it lies.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headway.traffic.bootstrap import CLUSTERS_PATH, LISTENERS_PATH
from headway.traffic.clusters import endpoints_path
from headway.traffic.endpoints import file_of
from headway.traffic.listeners import ROUTES_PATH
from headway.traffic.resources import TYPES, Resource, Snapshot, digest, resource
from headway.traffic.routes import TABLE, table

CLUSTER_TYPE = TYPES + "envoy.config.cluster.v3.Cluster"
LISTENER_TYPE = TYPES + "envoy.config.listener.v3.Listener"
ROUTES_TYPE = TYPES + "envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True, slots=True)
class Document:
    """One watched file."""

    path: str
    version: str
    version_stat: str  # where Envoy says which version it took last
    content: bytes


@dataclass(frozen=True, slots=True)
class Documents:
    endpoints: tuple[Document, ...]
    clusters: Document
    routes: Document
    listeners: Document

    def all(self) -> tuple[Document, ...]:
        """In the order in which they must be written: nothing refers to what is not there yet."""
        return (*self.endpoints, self.clusters, self.routes, self.listeners)

    def without_routes(self) -> tuple[Document, ...]:
        """What Envoy reads when no listener speaks HTTP."""
        return (*self.endpoints, self.clusters, self.listeners)


def endpoint_documents(snapshot: Snapshot) -> tuple[Document, ...]:
    return tuple(
        Document(endpoints_path(e.name), e.version, f"cluster.{e.name}.version_text", file_of(e))
        for e in snapshot.endpoints
    )


def documents(snapshot: Snapshot) -> Documents:
    doors = resource(TABLE, table((r.body for r in snapshot.routes), dict(snapshot.rates)))
    return Documents(
        endpoint_documents(snapshot),
        clusters=_document(
            CLUSTERS_PATH, CLUSTER_TYPE, snapshot.clusters, "cluster_manager.cds.version_text"
        ),
        routes=_document(ROUTES_PATH, ROUTES_TYPE, [doors], f"rds.{TABLE}.version_text"),
        listeners=_document(
            LISTENERS_PATH, LISTENER_TYPE, snapshot.listeners, "listener_manager.lds.version_text"
        ),
    )


def version_of(content: bytes) -> str | None:
    """The version of a published file of JSON; None when it cannot be one."""
    parsed = _parsed(content)
    version = parsed.get("version_info")
    return version if isinstance(version, str) else None


def resources_of(content: bytes) -> tuple[Resource, ...]:
    """What a published file of JSON held; nothing when it is damaged."""
    found = _parsed(content).get("resources", [])
    bodies = [{k: v for k, v in r.items() if k != "@type"} for r in found]
    return tuple(resource(_name_of(body), body) for body in bodies)


def disagreements(expected: Iterable[Document], told: Mapping[str, str]) -> list[str]:
    """Where Envoy does not run what was published, in sentences."""
    versions = by_kind(told)
    return [
        f"Envoy runs {document.path} in version {versions.get(document.version_stat) or 'none'}, "
        f"not in the published version {document.version}"
        for document in expected
        if versions.get(document.version_stat) != document.version
    ]


def by_kind(told: Mapping[str, str]) -> dict[str, str]:
    """Envoy's statistics; those of the route table without the listener that read it first."""
    return {name[name.find("rds.") if ".rds." in name else 0 :]: v for name, v in told.items()}


def _document(
    path: str, type_url: str, resources: Sequence[Resource], version_stat: str
) -> Document:
    version = digest([r.version for r in resources])
    bodies = [{"@type": type_url, **r.body} for r in resources]
    response = {"version_info": version, "resources": bodies}
    content = json.dumps(response, separators=(",", ":")).encode()
    return Document(path, version, version_stat, content)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError:  # not JSON, or not even text
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _name_of(body: Mapping[str, Any]) -> str:
    return str(body.get("name") or body.get("cluster_name"))
