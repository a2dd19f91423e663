"""What the API asks of the daemon. The daemon implements `Control`; tests have a small twin.

Everything here is plain: model types, frozen values and sentences that can be shown as they are.
Three promises hold for every implementation, because the faces are built on them:

  at once     no verb waits for the world: it records what is wanted, wakes the loop and returns;
  no echo     after a mutating verb has returned, `status` never calls a service `settled` on the
              strength of what was true before: a turn must have seen the new wish first;
  no surprise whatever cannot be done is a `HeadwayError` with a remedy, raised before anything
              was recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from headway.api.custody_views import Custody
from headway.api.token_views import Keyring
from headway.model.actor import Actor
from headway.model.errors import HeadwayError
from headway.model.event import Event
from headway.model.ids import EnvironmentId, PlanId, ReleaseId, ReplicaId, ServiceName
from headway.model.observed import Phase
from headway.model.site import Kind
from headway.planning.diff import Difference


class NotFoundError(HeadwayError):
    """No environment, service or replica has that name."""


class StalePlanError(HeadwayError):
    """The plan's id is unknown, or the description or the world it was made for has changed."""


class ConflictError(HeadwayError):
    """It cannot be done now: the environment is going down, the replica already drains, …"""


class BadRequestError(HeadwayError):
    """What was asked makes no sense: a count below zero, a restart of a job that is done."""


class DeniedError(HeadwayError):
    """Somebody asked for what they may not do."""


@dataclass(frozen=True, slots=True)
class SiteSource:
    """A description as its author wrote it. Paths in it are relative to `directory`."""

    text: str
    directory: str  # absolute
    file: str  # as the author names it: "site.yaml"; only for messages


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of `headway doctor`."""

    name: str  # "cgroups"
    level: Level
    text: str  # "v2 at /sys/fs/cgroup, writable: limits are kept"
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DaemonView:
    version: str
    pid: int
    started_at: datetime
    home: str


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """One line of the list of environments."""

    id: EnvironmentId
    settled: bool
    failed: bool
    desired_count: int  # replicas, over all services
    ready_count: int
    entry_url: str  # "" while there is none
    state: str  # the worst thing in a few words, "" when all is well
    file: str  # where its description came from, absolute
    digest: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class ProbeView:
    """What Headway's own prober last heard."""

    ok: bool
    asked: str  # "GET http://127.0.0.1:20411/healthz"
    answer: str  # "connection refused"
    tries: int  # probes since `ok` last changed
    since: datetime


@dataclass(frozen=True, slots=True)
class ReplicaView:
    id: ReplicaId
    phase: Phase
    reason: str  # why it is in this phase
    in_rotation: bool
    pid: int | None  # None when no process lives
    port: int | None
    release: ReleaseId
    incarnation: int
    restarts: int  # failed lives in a row before this one
    started_at: datetime | None
    host: str = ""
    zone: str = ""  # "": its host is not one of the site's any more
    retry_at: datetime | None = None  # FAILED only: not started again before this
    exit: str = ""  # "exited 1 after 0.2 s", "killed by SIGKILL", "over its memory limit (256MB)"
    probe: ProbeView | None = None
    log_tail: tuple[str, ...] = ()  # last lines it wrote; only filled in for failed ones


@dataclass(frozen=True, slots=True)
class OverrideView:
    """An override in force (`blocked_by` names the stronger one if it is outranked)."""

    service: ServiceName
    text: str  # "scaled to 6"
    author: str
    reason: str
    made_at: datetime
    expires_at: datetime
    blocked_by: str = ""


@dataclass(frozen=True, slots=True)
class ServiceView:
    name: ServiceName
    kind: Kind
    desired_count: int
    ready_count: int  # of any release; for a job: done ones
    phases: Mapping[Phase, int]  # every phase that has at least one replica
    release: ReleaseId  # the wanted one
    replicas: tuple[ReplicaView, ...]  # sorted by id; also draining ones and old releases
    settled: bool  # as many ready replicas as wanted, all of the wanted release, nothing else left
    failed: bool  # will not become settled by itself soon: never healthy, crash loop, bad command
    reason: str = ""  # why it is not settled, the worst first: "health check never passed in 30 s"
    waiting: tuple[str, ...] = ()  # what we do not do yet, and why
    overrides: tuple[OverrideView, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvoyView:
    ok: bool
    text: str  # "1.40.0, pid 4711, took version 12 of 12" or what is wrong
    pid: int | None = None
    version: str = ""
    generation: int = 0  # counts Envoys of this environment; a replacement makes it higher


@dataclass(frozen=True, slots=True)
class JournalView:
    ok: bool
    text: str  # "1,204 events, 3.1 MB" or "disk full: only restart, eject and drain go on"


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything about one environment at one moment."""

    id: EnvironmentId
    at: datetime
    digest: str  # first digits of the description's digest, "3f9c1e2"
    file: str  # where the description came from, absolute
    applied_at: datetime
    going_down: bool
    settled: bool  # every service is, and Envoy has taken what was published
    failed: bool  # a service is, or `trouble` keeps the environment from settling
    services: tuple[ServiceView, ...]  # in the order of their calls: callers first
    entry_url: str  # "http://localhost:8080/"; "" until Envoy listens
    latency_budget_s: float | None
    envoy: EnvoyView
    journal: JournalView
    trouble: tuple[str, ...] = ()  # what is wrong beyond single services, worst first


@dataclass(frozen=True, slots=True)
class PlanView:
    id: PlanId
    environment: EnvironmentId
    unchanged: bool
    changes: tuple[Difference, ...]  # those of one subject follow each other
    starts: int  # replicas that come into being (not counting replacements)
    stops: int
    restarts: int  # replicas that are replaced, one safe step at a time
    warnings: tuple[str, ...] = ()  # of the checker


@dataclass(frozen=True, slots=True)
class ApplyView:
    """What was accepted. `status` tells how it goes."""

    environment: EnvironmentId
    unchanged: bool  # the same description runs already: nothing was recorded
    digest: str
    plan: PlanView


@dataclass(frozen=True, slots=True)
class AcceptedView:
    """A wish was recorded; `status` tells how it goes."""

    text: str  # "ads: 3 -> 6 replicas until Tue 14:02"
    event_id: int = 0  # the journal's entry


class Tense(StrEnum):
    NOW = "now"  # why it is not settled, what waits
    OVERRIDE = "override"  # what makes it differ from its description
    PAST = "past"  # the last decisions


@dataclass(frozen=True, slots=True)
class WhyLine:
    tense: Tense
    text: str
    at: datetime | None = None
    actor: str = ""


@dataclass(frozen=True, slots=True)
class WhyView:
    service: ServiceName
    summary: str  # "ads is as described: 3 of 3 ready" or why it is not
    lines: tuple[WhyLine, ...]  # NOW, then OVERRIDE, then PAST with the newest first


@dataclass(frozen=True, slots=True)
class LogLine:
    replica: ReplicaId
    text: str  # without its newline, at most some kilobytes
    at: datetime | None = None  # None when nobody knows


@dataclass(frozen=True, slots=True)
class LogPage:
    lines: tuple[LogLine, ...]  # oldest first
    next: str  # opaque; ask with `after=next` for what was written since


@dataclass(frozen=True, slots=True)
class EventView:
    id: int  # grows; never used twice
    event: Event


@dataclass(frozen=True, slots=True)
class EventPage:
    events: tuple[EventView, ...]  # oldest first
    next: int  # ask with `after=next` for what came since


@dataclass(frozen=True, slots=True)
class DenialView:
    """An attempt that was not allowed; it is an event like any other."""

    actor: str
    verb: str
    subject: str
    reason: str
    environment: EnvironmentId | None = None


class Control(Protocol):
    """The daemon, as its faces see it. Raises `NotFoundError` wherever a name is unknown."""

    @property
    def keyring(self) -> Keyring: ...

    @property
    def custody(self) -> Custody: ...

    async def daemon(self) -> DaemonView: ...

    async def doctor(self) -> tuple[Fact, ...]:
        """What engine, journal and machine allow: cgroups, limits, ports, disk."""
        ...

    async def environments(self) -> tuple[EnvironmentView, ...]: ...

    async def status(self, environment: EnvironmentId) -> StatusView:
        """`NotFoundError` as soon as nothing of the environment is left: then it is down."""
        ...

    async def plan(self, source: SiteSource, environment: EnvironmentId, actor: Actor) -> PlanView:
        """Change nothing; say what `apply` would do. `SiteError` when the text is not usable.

        The same text against the same environment gives the same id. `environment.site` must be
        the site's own name (`BadRequestError`).
        """
        ...

    async def apply(
        self,
        source: SiteSource,
        environment: EnvironmentId,
        actor: Actor,
        *,
        plan: PlanId | None,
        take_over: bool,
    ) -> ApplyView:
        """Make this description what is wanted. With `plan`: exactly that or `StalePlanError`.

        One from another directory than what runs only with `take_over` (`ConflictError`).
        """
        ...

    async def down(self, environment: EnvironmentId, actor: Actor, *, purge: bool) -> AcceptedView:
        """Drain and end everything; with `purge` remove its state, logs and journal as well."""
        ...

    async def why(self, environment: EnvironmentId, service: ServiceName) -> WhyView: ...

    async def logs(
        self, environment: EnvironmentId, subject: str, *, lines: int, after: str | None
    ) -> LogPage:
        """Lines of one replica or of all replicas of a service (`subject`).

        Without `after`: the last `lines` lines. With it: at most `lines` lines written since.
        """
        ...

    async def events(
        self,
        environment: EnvironmentId | None,
        *,
        after: int | None,
        limit: int,
        kind: str | None,
    ) -> EventPage:
        """Without `after`: the last `limit` events. With it: the first `limit` events since."""
        ...

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
        """A human override; after `for_s` the description counts again."""
        ...

    async def restart(
        self, environment: EnvironmentId, service: ServiceName, *, reason: str, actor: Actor
    ) -> AcceptedView:
        """Replace every replica that runs now, in the rolling way."""
        ...

    async def drain(
        self, environment: EnvironmentId, replica: ReplicaId, *, reason: str, actor: Actor
    ) -> AcceptedView:
        """Traffic leaves this replica, it ends, and another takes its place."""
        ...

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
        """Running replicas log at this level, without a restart; `""` is their own again."""
        ...

    async def replace_envoy(self, environment: EnvironmentId, actor: Actor) -> AcceptedView:
        """A twin takes over without a failed request; `status.envoy.generation` tells when."""
        ...

    async def audit(self, denial: DenialView) -> None:
        """Write down an attempt that was not allowed."""
        ...
