"""A daemon of straw: `Control` in memory, for the tests of the faces.

Time passes by looking: every `status` makes one more replica of each service ready, so that tests
see progress and never wait. Services named in `broken` never become ready and then have failed.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from headway.api.control import (
    AcceptedView,
    ApplyView,
    BadRequestError,
    ConflictError,
    DaemonView,
    DenialView,
    EnvironmentView,
    EnvoyView,
    EventPage,
    EventView,
    Fact,
    JournalView,
    Level,
    LogLine,
    LogPage,
    NotFoundError,
    OverrideView,
    PlanView,
    ProbeView,
    ReplicaView,
    ServiceView,
    SiteSource,
    StalePlanError,
    StatusView,
    Tense,
    WhyLine,
    WhyView,
)
from headway.api.keyring import StoredKeyring
from headway.model.actor import Actor
from headway.model.event import Event
from headway.model.ids import EnvironmentId, PlanId, ReleaseId, ReplicaId, ServiceName
from headway.model.observed import Phase
from headway.model.site import Kind
from headway.planning.diff import Kind as DifferenceKind
from headway.testing.straw import (
    MemoryTokens,
    StrawCustody,
    change_of,
    counts_of,
    digest_of,
    service_of,
)

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LOOKS_TO_END = 2


@dataclass
class _Straw:
    """One service of the straw world."""

    wanted: int
    described: int
    ready: int = 0
    life: int = 1
    looked: bool = False
    draining: list[str] = field(default_factory=list)
    override: OverrideView | None = None


@dataclass
class _Field:
    """One environment of the straw world."""

    digest: str
    file: str
    services: dict[str, _Straw]
    generation: int = 1
    ends_in: int | None = None


class StrawControl:
    def __init__(self, *, broken: Collection[str] = (), entry_url: str = "") -> None:
        self._broken = frozenset(broken)
        self._entry_url = entry_url
        self._fields: dict[EnvironmentId, _Field] = {}
        self.log: list[LogLine] = []
        self.history: list[EventView] = []
        self.denials: list[DenialView] = []
        self.now = NOON
        self.keyring = StoredKeyring(
            MemoryTokens(),
            now=lambda: self.now,
            random_bytes=secrets.token_bytes,
            record=self._record,
        )

        self.custody = StrawCustody()

    async def daemon(self) -> DaemonView:
        return DaemonView("0.0.0", 4711, NOON, "/nowhere")

    async def doctor(self) -> tuple[Fact, ...]:
        return (Fact("cgroups", Level.WARN, "not writable", "memory limits are not kept"),)

    async def environments(self) -> tuple[EnvironmentView, ...]:
        return tuple(
            EnvironmentView(
                id=name,
                settled=all(s.ready == s.wanted for s in found.services.values()),
                failed=any(s in self._broken for s in found.services),
                desired_count=sum(s.wanted for s in found.services.values()),
                ready_count=sum(s.ready for s in found.services.values()),
                entry_url=self._entry_url,
                state="",
                file=f"/sites/{found.file}",
                digest=found.digest,
                applied_at=NOON - timedelta(days=6),
            )
            for name, found in sorted(self._fields.items())
        )

    async def status(self, environment: EnvironmentId) -> StatusView:
        found = self._find(environment)
        self._pass_time(environment, found)
        services = tuple(self._service(n, s) for n, s in found.services.items())
        return StatusView(
            id=environment,
            at=NOON,
            digest=found.digest,
            file=found.file,
            applied_at=NOON - timedelta(days=6),
            going_down=found.ends_in is not None,
            settled=all(s.settled for s in services),
            failed=any(s.failed for s in services),
            services=services,
            entry_url=self._entry_url,
            latency_budget_s=0.2,
            envoy=EnvoyView(
                True, "1.40.0, pid 42", pid=42, version="1.40.0", generation=found.generation
            ),
            journal=JournalView(True, f"{len(self.history)} events"),
        )

    async def plan(self, source: SiteSource, environment: EnvironmentId, actor: Actor) -> PlanView:
        del actor
        described = counts_of(source)
        digest = digest_of(source)
        found = self._fields.get(environment)
        now = {n: s.described for n, s in found.services.items()} if found else {}
        changes = [
            *(change_of(DifferenceKind.REMOVED, n, now[n], 0) for n in now if n not in described),
            *(
                change_of(DifferenceKind.ADDED, n, 0, c)
                for n, c in described.items()
                if n not in now
            ),
            *(
                change_of(DifferenceKind.CHANGED, n, now[n], c)
                for n, c in described.items()
                if n in now and now[n] != c
            ),
        ]
        return PlanView(
            id=PlanId(f"p-{digest}"),
            environment=environment,
            unchanged=found is not None and found.digest == digest,
            changes=tuple(changes),
            starts=sum(max(0, c - now.get(n, 0)) for n, c in described.items()),
            stops=sum(max(0, c - described.get(n, 0)) for n, c in now.items()),
            restarts=0,
        )

    async def apply(
        self,
        source: SiteSource,
        environment: EnvironmentId,
        actor: Actor,
        *,
        plan: PlanId | None,
        take_over: bool = False,
    ) -> ApplyView:
        del take_over
        made = await self.plan(source, environment, actor)
        if plan is not None and plan != made.id:
            raise StalePlanError(f"{plan} is stale", remedy="headway plan makes a new one")
        found = self._fields.get(environment)
        if found is not None and found.ends_in is not None:
            found.ends_in = None  # what goes down is brought up again
        if not made.unchanged:
            services = {n: _Straw(c, c) for n, c in counts_of(source).items()}
            self._fields[environment] = _Field(digest_of(source), source.file, services)
            self._note(environment, "apply", "site", f"applied {source.file}", actor)
        return ApplyView(environment, made.unchanged, digest_of(source), made)

    async def down(self, environment: EnvironmentId, actor: Actor, *, purge: bool) -> AcceptedView:
        self._find(environment).ends_in = LOOKS_TO_END
        return self._note(environment, "down", "site", f"going down, purge={purge}", actor)

    async def why(self, environment: EnvironmentId, service: ServiceName) -> WhyView:
        straw = self._straw(environment, service)
        past = [
            WhyLine(Tense.PAST, e.event.text, e.event.at, e.event.actor)
            for e in reversed(self.history)
        ]
        lines = [WhyLine(Tense.NOW, "one start waits for room")] if service in self._broken else []
        if straw.override:
            lines.append(WhyLine(Tense.OVERRIDE, straw.override.text, NOON, straw.override.author))
        summary = f"{service}: {straw.ready} of {straw.wanted} ready"
        return WhyView(service, summary, (*lines, *past))

    async def logs(
        self, environment: EnvironmentId, subject: str, *, lines: int, after: str | None
    ) -> LogPage:
        services = self._find(environment).services
        if subject not in services and subject.rpartition("-")[0] not in services:
            raise NotFoundError(
                f"{environment} has no service or replica {subject}",
                remedy=f"there are {', '.join(services)}",
            )
        mine = [
            line
            for line in self.log
            if line.replica == subject or service_of(line.replica) == subject
        ]
        start = int(after.rpartition(":")[2]) if after is not None else max(0, len(mine) - lines)
        shown = mine[start : start + lines]
        return LogPage(tuple(shown), f"{subject}:{start + len(shown)}")

    async def events(
        self,
        environment: EnvironmentId | None,
        *,
        after: int | None,
        limit: int,
        kind: str | None,
    ) -> EventPage:
        if environment is not None:
            self._find(environment)
        wanted = [e for e in self.history if kind is None or e.event.kind == kind]
        page = wanted[-limit:] if after is None else [e for e in wanted if e.id > after][:limit]
        return EventPage(tuple(page), page[-1].id if page else after or 0)

    async def scale(
        self,
        environment: EnvironmentId,
        service: ServiceName,
        count: int,
        *,
        for_s: float,
        reason: str,
        actor: Actor,
    ) -> AcceptedView:
        straw = self._straw(environment, service)
        if count > 100:
            raise BadRequestError(f"{count} replicas do not fit", remedy="100 at most")
        text = f"{service}: {straw.wanted} -> {count} replicas"
        straw.wanted, straw.ready = count, min(straw.ready, count)
        straw.override = OverrideView(
            service=service,
            text=f"scaled to {count}",
            author=actor.name,
            reason=reason,
            made_at=NOON,
            expires_at=NOON + timedelta(seconds=for_s),
        )
        return self._note(environment, "scale", service, text, actor)

    async def restart(
        self, environment: EnvironmentId, service: ServiceName, *, reason: str, actor: Actor
    ) -> AcceptedView:
        straw = self._straw(environment, service)
        straw.ready, straw.life = 0, straw.life + 1
        return self._note(environment, "restart", service, f"restart {service} {reason}", actor)

    async def drain(
        self, environment: EnvironmentId, replica: ReplicaId, *, reason: str, actor: Actor
    ) -> AcceptedView:
        straw = self._straw(environment, ServiceName(service_of(replica)))
        if replica in straw.draining:
            raise ConflictError(f"{replica} drains already", remedy="headway status --replicas")
        straw.draining.append(replica)
        straw.ready = max(0, straw.ready - 1)
        return self._note(environment, "drain", replica, f"drain {replica} {reason}", actor)

    async def log_level(
        self,
        environment: EnvironmentId,
        service: ServiceName,
        level: str,
        *,
        for_s: float,
        reason: str,
        actor: Actor,
    ) -> AcceptedView:
        self._straw(environment, service)
        text = f"{service}: log level {level or 'its own'} for {for_s:g} s {reason}"
        return self._note(environment, "log-level", service, text, actor)

    async def replace_envoy(self, environment: EnvironmentId, actor: Actor) -> AcceptedView:
        self._find(environment).generation += 1
        return self._note(environment, "envoy", "envoy", "Envoy is replaced by a twin", actor)

    async def audit(self, denial: DenialView) -> None:
        self.denials.append(denial)

    async def _record(self, events: Sequence[Event]) -> None:
        for event in events:
            self.history.append(EventView(len(self.history) + 1, event))

    def _find(self, environment: EnvironmentId) -> _Field:
        if environment not in self._fields:
            raise NotFoundError(f"{environment} is not running", remedy="headway up starts it")
        return self._fields[environment]

    def _straw(self, environment: EnvironmentId, service: ServiceName) -> _Straw:
        services = self._find(environment).services
        if service not in services:
            raise NotFoundError(
                f"{environment} has no service {service}",
                remedy=f"there are {', '.join(services)}",
            )
        return services[service]

    def _note(
        self, environment: EnvironmentId, kind: str, subject: str, text: str, actor: Actor
    ) -> AcceptedView:
        event = Event(NOON, environment, kind, subject, text, actor.name, {})
        self.history.append(EventView(len(self.history) + 1, event))
        return AcceptedView(text, len(self.history))

    def _pass_time(self, environment: EnvironmentId, found: _Field) -> None:
        if found.ends_in is not None:
            found.ends_in -= 1
            if found.ends_in < 0:
                del self._fields[environment]
                self._find(environment)
        for name, straw in found.services.items():
            if straw.looked and name not in self._broken:
                straw.ready = min(straw.wanted, straw.ready + 1)
            if straw.ready == straw.wanted:
                straw.draining.clear()
            straw.looked = True

    def _service(self, name: str, straw: _Straw) -> ServiceView:
        replicas = tuple(self._replica(name, straw, slot) for slot in range(straw.wanted))
        broken = name in self._broken
        return ServiceView(
            name=ServiceName(name),
            kind=Kind.SERVICE,
            desired_count=straw.wanted,
            ready_count=straw.ready,
            phases={
                phase: sum(r.phase is phase for r in replicas)
                for phase in Phase
                if any(r.phase is phase for r in replicas)
            },
            release=ReleaseId("r3f9c1e2"),
            replicas=replicas,
            settled=straw.ready == straw.wanted and not straw.draining,
            failed=broken,
            reason="health check never passed in 30 s" if broken else "",
            waiting=("one start waits for room",) if broken else (),
            overrides=(straw.override,) if straw.override else (),
        )

    def _replica(self, name: str, straw: _Straw, slot: int) -> ReplicaView:
        broken, ready = name in self._broken, slot < straw.ready
        phase = Phase.FAILED if broken else Phase.READY if ready else Phase.STARTING
        port = 41000 + slot
        return ReplicaView(
            id=ReplicaId(f"{name}-{slot}"),
            phase=phase,
            reason="exited 1" if broken else "",
            in_rotation=ready,
            pid=None if broken else 5000 + slot,
            port=port,
            release=ReleaseId("r3f9c1e2"),
            incarnation=straw.life,
            restarts=3 if broken else 0,
            started_at=NOON,
            exit="exited 1 after 0.2 s" if broken else "",
            probe=ProbeView(
                ok=ready,
                asked=f"GET http://127.0.0.1:{port}/healthz",
                answer="200 OK" if ready else "connection refused",
                tries=14,
                since=NOON,
            ),
            log_tail=("FileNotFoundError: words.txt",) if broken else (),
        )
