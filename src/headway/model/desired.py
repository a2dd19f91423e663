"""What should be true now, with nothing left to decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from headway.model.ids import EnvironmentId, ReplicaId, ServiceName
from headway.model.release import Launch, Release
from headway.model.site import DescribedHost, Entry, Service


@dataclass(frozen=True, slots=True)
class Controls:
    """What a running service is told without a restart. It reads this from `$HW_CONTROL`.

    Each word ends by itself: the service need not hear from us again.
    """

    log_level: str = ""  # "": its own
    log_level_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DesiredService:
    service: Service
    release: Release
    launch: Launch
    count: int
    ready_min: int
    surge_max: int
    drained: frozenset[tuple[ReplicaId, datetime]] = frozenset()  # replica, started before
    restart_before: datetime | None = None
    controls: Controls = Controls()
    because: tuple[str, ...] = ()  # which overrides made it differ from the description

    def __post_init__(self) -> None:
        assert 0 <= self.ready_min <= self.count, "ready_min must lie in 0..count"
        can_replace = self.surge_max > 0 or self.ready_min < self.count or self.count == 0
        assert can_replace, "no surge and no slack: a replacement could never begin"


@dataclass(frozen=True, slots=True)
class Arrow:
    """One caller -> callee listener of Envoy on loopback."""

    caller: ServiceName
    callee: ServiceName
    port: int
    deadline_s: float | None


@dataclass(frozen=True, slots=True)
class Desired:
    environment: EnvironmentId
    services: Mapping[ServiceName, DesiredService]
    arrows: tuple[Arrow, ...]
    entry: Entry | None  # its port is always set here; None when the environment is going down
    latency_budget_s: float | None = None
    hosts: tuple[DescribedHost, ...] = ()  # (): this machine is one host; Envoy is on the first
