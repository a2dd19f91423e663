"""What we may do next, and why not more."""

from dataclasses import dataclass, field
from datetime import datetime

from headway.model.ids import HostName, ReleaseId, ReplicaId, ServiceName
from headway.model.release import Launch


@dataclass(frozen=True, slots=True)
class Start:
    """Bring one life of a replica into being. Named by the planner: starting twice starts once."""

    service: ServiceName
    replica: ReplicaId
    incarnation: int
    release: ReleaseId
    host: HostName
    attempt: int
    reason: str
    launch: Launch = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drain:
    """Take it out of traffic for good; what is in flight may end."""

    service: ServiceName
    replica: ReplicaId
    incarnation: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """SIGTERM, and SIGKILL after `grace_s`, for the whole process tree."""

    service: ServiceName
    replica: ReplicaId
    incarnation: int
    grace_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop the record of a life that has ended and will not be continued."""

    service: ServiceName
    replica: ReplicaId
    incarnation: int


Action = Start | Drain | Stop | Forget


@dataclass(frozen=True, slots=True)
class Waiting:
    """A thing we do not do yet, with the reason that a person is shown."""

    service: ServiceName
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    actions: tuple[Action, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    look_again_at: datetime | None = None  # when time alone may change the answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended. A failure is a value: the next turn sees the world and plans again."""

    action: Action
    ok: bool
    detail: str = ""
