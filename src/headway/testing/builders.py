"""Short ways to build nouns for tests."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from headway.model.desired import Desired, DesiredService
from headway.model.host import Host
from headway.model.ids import (
    EnvironmentId,
    EnvironmentName,
    HostName,
    ReleaseId,
    ReplicaId,
    ServiceName,
    SiteName,
)
from headway.model.observed import Exit, Phase, Probe, Process, SeenReplica
from headway.model.release import Launch, Release
from headway.model.site import Entry, Health, Kind, Service

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOST = Host(HostName("local"), "local", "127.0.0.1", cpu=4, memory_bytes=8 << 30, weight=4)
ENVIRONMENT = EnvironmentId(SiteName("shop"), EnvironmentName("production"))
OLD, NEW = ReleaseId("r-old"), ReleaseId("r-new")


def service(
    name: str = "web", *, kind: Kind = Kind.SERVICE, drain_s: float = 5.0, start_s: float = 30.0
) -> Service:
    return Service(
        ServiceName(name),
        owner="team",
        run=("serve",),
        kind=kind,
        replicas=1,
        drain_s=drain_s,
        health=Health(start_s=start_s),
    )


def wish(
    name: str = "web",
    count: int = 1,
    *,
    ready_min: int | None = None,
    surge_max: int = 1,
    release: ReleaseId = NEW,
    kind: Kind = Kind.SERVICE,
) -> DesiredService:
    needed = max(0, count - 1) if ready_min is None else ready_min
    return DesiredService(
        service=service(name, kind=kind),
        release=Release(release, ServiceName(name), digest="", files={}, secrets={}),
        launch=Launch(argv=("serve",), env=(), directory="/"),
        count=count,
        ready_min=needed,
        surge_max=surge_max,
    )


def desired(*services: DesiredService, entry: str | None = None) -> Desired:
    by_name: Mapping[ServiceName, DesiredService] = {s.service.name: s for s in services}
    door = Entry(ServiceName(entry), 8080) if entry else None
    return Desired(ENVIRONMENT, by_name, arrows=(), entry=door)


def process(
    replica: str,
    *,
    release: ReleaseId = NEW,
    probe: Probe | None = None,
    started_at: datetime = NOON,
    attempt: int = 0,
) -> Process:
    number = int(replica.rpartition("-")[2])
    return Process(
        replica=ReplicaId(replica),
        service=ServiceName(replica.rpartition("-")[0]),
        release=release,
        incarnation=1,
        attempt=attempt,
        host=HOST.name,
        address="127.0.0.1",
        port=20000 + number,
        pid=1000 + number,
        started_at=started_at,
        probe=probe,
    )


def heard(
    *,
    ok: bool,
    since: datetime = NOON,
    answer: str | None = None,
    first_ok_at: datetime | None = NOON,
) -> Probe:
    return Probe(
        at=since,
        ok=ok,
        asked="GET http://127.0.0.1/healthz",
        answer=answer or ("200 OK" if ok else "no answer in 250 ms"),
        since=since,
        tries=1,
        first_ok_at=first_ok_at,
    )


def seen(
    replica: str,
    phase: Phase = Phase.READY,
    *,
    release: ReleaseId = NEW,
    started_at: datetime = NOON,
) -> SeenReplica:
    """A judged replica. Phases that need a fact get it: an exit, a drain, a stop."""
    facts = process(replica, release=release, started_at=started_at)
    if phase in (Phase.FAILED, Phase.DONE):
        facts = replace(facts, exit=Exit(started_at, 1 if phase is Phase.FAILED else 0))
    if phase is Phase.DRAINING:
        facts = replace(facts, draining_since=started_at, connections=0)
    if phase is Phase.STOPPING:
        facts = replace(facts, draining_since=started_at, stopping_since=started_at)
    return SeenReplica(facts, phase, "", in_rotation=phase is Phase.READY)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)
