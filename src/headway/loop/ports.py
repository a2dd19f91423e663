"""What the loop needs from the world. Small on purpose; each has a simulated twin in `testing`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from headway.model.desired import Controls, Desired
from headway.model.event import Event
from headway.model.ids import ReplicaId, ServiceName
from headway.model.observed import Seen
from headway.model.plan import Action, Outcome
from headway.model.rotation import Share


class Engine(Protocol):
    """Runs processes. `tests/contracts/test_engine.py` is its meaning."""

    async def observe(self) -> Seen: ...

    async def perform(self, action: Action, epoch: int) -> Outcome:
        """Do it; doing it twice is doing it once. An epoch older than one seen is refused."""
        ...

    async def tell(self, words: Mapping[ServiceName, Controls], epoch: int) -> None:
        """All that running services are told; a service that is not named here is told nothing.

        Whole state: free when nothing differs, put right when something does. Raises EngineError.
        """
        ...


class Traffic(Protocol):
    """Carries requests to replicas in rotation."""

    async def publish(self, desired: Desired, rotation: Sequence[Share]) -> None:
        """Make it so. Raises `TrafficError` with the proxy's own reason; then the old stays."""
        ...

    def routed(self) -> frozenset[ReplicaId]:
        """Replicas in the endpoints that were published last."""
        ...


class Journal(Protocol):
    """Hears of everything before it happens."""

    async def record(self, events: Sequence[Event]) -> None:
        """In one transaction. Raises `JournalFullError` when the disk is full."""
        ...


class Clock(Protocol):
    """Steady: never jumps, whatever is done to the machine's clock."""

    def now(self) -> datetime: ...
