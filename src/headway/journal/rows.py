"""Nouns as rows of plain JSON, and back. What was written by an older Headway can be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from headway.model.ids import (
    EnvironmentId,
    ReleaseId,
    ReplicaId,
    ServiceName,
)
from headway.model.override import (
    Change,
    DrainReplica,
    LogAt,
    Override,
    Rank,
    RestartBefore,
    ScaleTo,
)
from headway.model.release import Release


@dataclass(frozen=True, slots=True)
class StoredEnvironment:
    """One environment as it was applied last: enough to go on after every process is gone."""

    id: EnvironmentId
    text: str  # site.yaml as applied
    directory: str
    file: str
    digest: str  # of the text, the environment and the releases
    applied_at: datetime
    going_down: bool
    purge: bool
    ports: Mapping[str, int]  # "block", "entry", "frontend>index" -> port
    releases: Mapping[ServiceName, Release]  # fixed when applied; a file edited later changes none


def override_to_json(override: Override) -> dict[str, Any]:
    return {
        "change": _change_to_json(override.change),
        "rank": int(override.rank),
        "author": override.author,
        "reason": override.reason,
        "made_at": override.made_at.isoformat(),
        "expires_at": override.expires_at.isoformat(),
    }


def override_from_json(row: Mapping[str, Any]) -> Override:
    return Override(
        change=_change_from_json(row["change"]),
        rank=Rank(row["rank"]),
        author=row["author"],
        reason=row["reason"],
        made_at=datetime.fromisoformat(row["made_at"]),
        expires_at=datetime.fromisoformat(row["expires_at"]),
    )


def release_to_json(release: Release) -> dict[str, Any]:
    return {
        "id": release.id,
        "service": release.service,
        "digest": release.digest,
        "files": dict(release.files),
        "secrets": dict(release.secrets),
    }


def release_from_json(row: Mapping[str, Any]) -> Release:
    return Release(
        id=ReleaseId(row["id"]),
        service=ServiceName(row["service"]),
        digest=row["digest"],
        files=row["files"],
        secrets=row["secrets"],
    )


def _change_to_json(change: Change) -> dict[str, Any]:
    match change:
        case ScaleTo(service, count):
            return {"kind": "scale", "service": service, "count": count}
        case RestartBefore(service, before):
            return {"kind": "restart", "service": service, "before": before.isoformat()}
        case DrainReplica(service, replica, before):
            return {
                "kind": "drain",
                "service": service,
                "replica": replica,
                "before": before.isoformat(),
            }
        case LogAt(service, level):
            return {"kind": "log", "service": service, "level": level}
    assert_never(change)


def _change_from_json(row: Mapping[str, Any]) -> Change:
    service = ServiceName(row["service"])
    if row["kind"] == "scale":
        return ScaleTo(service, row["count"])
    if row["kind"] == "log":
        return LogAt(service, row["level"])
    before = datetime.fromisoformat(row["before"])
    if row["kind"] == "restart":
        return RestartBefore(service, before)
    assert row["kind"] == "drain", f"unknown change {row['kind']}"
    return DrainReplica(service, ReplicaId(row["replica"]), before)
