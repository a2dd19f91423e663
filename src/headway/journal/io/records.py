"""What a row of the journal's tables says, as nouns."""

from datetime import datetime

from sqlalchemy.engine import Row

from headway.journal.rows import StoredEnvironment, release_from_json, release_to_json
from headway.model.event import Event
from headway.model.ids import EnvironmentId, EnvironmentName, ServiceName, SiteName


def environment_id(text: str) -> EnvironmentId:
    site, _, name = text.partition("/")
    return EnvironmentId(SiteName(site), EnvironmentName(name))


def read_event(row: Row[tuple[object, ...]]) -> Event:
    return Event(
        at=datetime.fromisoformat(row.at),
        environment=environment_id(row.environment) if row.environment else None,
        kind=row.kind,
        subject=row.subject,
        text=row.text,
        actor=row.actor,
        data=row.data,
    )


def environment_row(stored: StoredEnvironment) -> dict[str, object]:
    return {
        "id": str(stored.id),
        "text": stored.text,
        "directory": stored.directory,
        "file": stored.file,
        "digest": stored.digest,
        "applied_at": stored.applied_at.isoformat(),
        "going_down": stored.going_down,
        "purge": stored.purge,
        "ports": dict(stored.ports),
        "releases": {name: release_to_json(r) for name, r in stored.releases.items()},
    }


def read_environment(row: Row[tuple[object, ...]]) -> StoredEnvironment:
    return StoredEnvironment(
        id=environment_id(row.id),
        text=row.text,
        directory=row.directory,
        file=row.file,
        digest=row.digest,
        applied_at=datetime.fromisoformat(row.applied_at),
        going_down=row.going_down,
        purge=row.purge,
        ports=row.ports,
        releases={ServiceName(name): release_from_json(r) for name, r in row.releases.items()},
    )
