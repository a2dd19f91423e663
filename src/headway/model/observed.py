"""What was seen: facts from engines and probes, and the replica they add up to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from headway.model.host import Host
from headway.model.ids import HostName, ReleaseId, ReplicaId, ServiceName


@dataclass(frozen=True, slots=True)
class Exit:
    at: datetime
    status: int | None  # exit status, or minus the signal; None when nobody could know it
    note: str = ""  # what the engine knows beyond the status: "over its memory limit"


@dataclass(frozen=True, slots=True)
class Probe:
    """What Headway's own prober last heard from a replica, and since when."""

    at: datetime
    ok: bool
    asked: str  # "GET http://127.0.0.1:20411/healthz"
    answer: str  # "200 OK", "connection refused", "no answer in 80 ms"
    since: datetime  # when `ok` last changed
    tries: int  # probes since then
    first_ok_at: datetime | None  # None: has never been healthy
    away_s: float = 0.0  # how long the last "no" after a first "yes" lasted, once it is over


@dataclass(frozen=True, slots=True)
class Process:
    """One life of a replica as its engine reports it. Facts only; the judgement is `Phase`."""

    replica: ReplicaId
    service: ServiceName
    release: ReleaseId
    incarnation: int  # counts lives of this replica; higher is later
    attempt: int  # failed lives in a row before this one
    host: HostName
    address: str
    port: int
    pid: int
    started_at: datetime
    draining_since: datetime | None = None
    stopping_since: datetime | None = None
    exit: Exit | None = None
    probe: Probe | None = None
    connections: int | None = None  # open connections to its port; only counted while draining
    objection: str = ""  # why the engine will not let it serve: "listens on 0.0.0.0:8080"
    has_control: bool = True  # was given `$HW_CONTROL`: it can be told something while it runs


class Phase(StrEnum):
    STARTING = "starting"  # process exists, has not been healthy yet
    READY = "ready"  # may receive traffic
    UNREADY = "unready"  # was ready, now says no or nothing; out of traffic, watched
    DRAINING = "draining"  # traffic is leaving; never goes back to ready
    STOPPING = "stopping"  # was told to end
    FAILED = "failed"  # exited when it should not have, or given up on
    DONE = "done"  # a job that ended with status 0


ALIVE = frozenset({Phase.STARTING, Phase.READY, Phase.UNREADY})


@dataclass(frozen=True, slots=True)
class SeenReplica:
    """A process and what we make of it."""

    process: Process
    phase: Phase
    reason: str  # why it is in this phase, for people
    in_rotation: bool = False  # should Envoy send traffic here?
    retry_at: datetime | None = None  # FAILED only: not to be started again before this
    next_attempt: int = 0  # FAILED only: failed lives in a row, this one included
    check_again_at: datetime | None = None  # when the judgement may change with no new fact

    @property
    def id(self) -> ReplicaId:
        return self.process.replica


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at an engine."""

    at: datetime
    hosts: tuple[Host, ...]
    processes: Mapping[ServiceName, tuple[Process, ...]]  # by service, sorted by replica


@dataclass(frozen=True, slots=True)
class Observed:
    """`Seen`, judged; plus what Envoy was last told."""

    at: datetime
    hosts: tuple[Host, ...]
    replicas: Mapping[ServiceName, tuple[SeenReplica, ...]]
    routed: frozenset[ReplicaId]  # replicas in the endpoints that Envoy took last
