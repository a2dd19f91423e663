"""The real loop in a simulated world: everything from one seed, no process, no waiting."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from random import Random

from headway.loop.clock import SteadyClock
from headway.loop.turn import Memory, Turn, Wanted, World, turn
from headway.model.desired import Desired
from headway.model.errors import JournalFullError, TrafficError
from headway.model.event import Event
from headway.model.host import Host
from headway.model.ids import ReplicaId, ServiceName
from headway.model.observed import Phase, SeenReplica
from headway.model.override import Override
from headway.model.plan import Start
from headway.model.rotation import Share
from headway.testing.builders import HOST, NOON
from headway.testing.engine import Behaviour, SimulatedEngine


class SimulatedMachineClock:
    """A machine's two clocks. Somebody may set the wall clock; the monotonic one only runs."""

    def __init__(self) -> None:
        self.wall_s = NOON.timestamp()
        self.monotonic_s = 1000.0

    def run(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds

    def jump(self, seconds: float) -> None:
        self.wall_s += seconds


class SimulatedTraffic:
    """Remembers what was published; may refuse."""

    def __init__(self) -> None:
        self.rotation: tuple[Share, ...] = ()
        self.refuses = False
        self.published = 0

    async def publish(self, desired: Desired, rotation: Sequence[Share]) -> None:  # noqa: ARG002
        if self.refuses:
            raise TrafficError("refused", remedy="wait")
        self.rotation = tuple(rotation)
        self.published += 1

    def routed(self) -> frozenset[ReplicaId]:
        return frozenset(share.replica.id for share in self.rotation)


class SimulatedJournal:
    """Keeps events in memory; its disk may be full."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.full = False

    async def record(self, events: Sequence[Event]) -> None:
        if self.full:
            raise JournalFullError("the disk is full", remedy="make room")
        self.events.extend(events)


class SimulatedWorld:
    """One environment: the real `turn` over simulated ports."""

    def __init__(
        self,
        seed: int,
        wanted: Desired,
        behave: Callable[[Start], Behaviour] | None = None,
        *,
        hosts: Sequence[Host] = (HOST,),
    ) -> None:
        self.chance = Random(seed)  # noqa: S311 - a simulation wants to be repeated
        self.machine = SimulatedMachineClock()
        self.clock = SteadyClock(lambda: self.machine.wall_s, lambda: self.machine.monotonic_s)
        self.engine = SimulatedEngine(
            self.clock, hosts, behave or (lambda _: Behaviour()), self.chance
        )
        self.traffic = SimulatedTraffic()
        self.journal = SimulatedJournal()
        self.wanted = Wanted(wanted)
        self.memory = Memory()
        self.epoch = 1
        self.last: Turn | None = None

    def advance(self, step_s: float) -> None:
        """Let time pass in the world; the loop does not see it yet."""
        self.machine.run(step_s)
        self.engine.pass_time()

    async def look(self) -> Turn:
        """One turn of the loop at this moment."""
        world = World(self.engine, self.traffic, self.journal, self.epoch)
        self.last = await turn(world, self.wanted, self.memory, self.clock.now())
        return self.last

    async def turn(self, *, step_s: float = 0.1) -> Turn:
        """Let some time pass, then take one turn."""
        self.advance(step_s)
        return await self.look()

    async def turns(self, count: int, *, step_s: float = 0.1) -> Turn:
        assert count > 0
        for _ in range(count):
            last = await self.turn(step_s=step_s)
        return last

    def want(self, described: Desired) -> None:
        self.wanted = replace(self.wanted, described=described, version=self.wanted.version + 1)

    def override(self, added: Override) -> None:
        overrides = (*self.wanted.overrides, added)
        self.wanted = replace(self.wanted, overrides=overrides, version=self.wanted.version + 1)

    def restart_loop(self) -> None:
        """As if headwayd had been killed: the loop forgets all it knew and takes a new epoch."""
        self.memory = Memory()
        self.epoch += 1

    def replicas(self, service: str) -> tuple[SeenReplica, ...]:
        assert self.last is not None, "take a turn first"
        step = self.last.steps.get(ServiceName(service))
        return step.replicas if step else ()

    def ready(self, service: str) -> int:
        return sum(r.phase is Phase.READY for r in self.replicas(service))

    def now(self) -> datetime:
        return self.clock.now()
