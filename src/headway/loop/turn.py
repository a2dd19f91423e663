"""One turn of the loop: observe, decide, record, publish, act. Nothing else moves the world.

Level, not edge: every turn compares all that should be true with all that was seen. A turn that is
cut short, repeated or late is harmless; whatever it left undone, the next one finds.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from headway.journal.full import BUFFERED_EVENTS_MAX, allowed_without_journal
from headway.loop import story
from headway.loop.decide import Step, decide_service, still_holds
from headway.loop.ports import Engine, Journal, Traffic
from headway.model.desired import Controls, Desired, DesiredService
from headway.model.errors import EngineError, JournalError, StaleEpochError, TrafficError
from headway.model.event import Event
from headway.model.ids import EnvironmentId, ReplicaId, ServiceName
from headway.model.observed import Phase, Seen, SeenReplica
from headway.model.override import Override
from headway.model.plan import Action, Drain, Outcome
from headway.model.rotation import Share
from headway.planning.resolve import next_expiry, resolve, unwanted
from headway.traffic.balance import Rotation, share_out

ACTIONS_AT_ONCE_MAX = 64
PUBLISH_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class World:
    """The loop's hands and eyes for one environment."""

    engine: Engine
    traffic: Traffic
    journal: Journal
    epoch: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What people and deciders want. Replaced whole, never changed."""

    described: Desired
    overrides: tuple[Override, ...] = ()
    version: int = 0  # grows with every wish, so that a face can wait until it was seen
    held: str = ""  # why nothing may be done about it; what runs stays as it is


@dataclass(slots=True)
class Memory:
    """What the loop remembers between turns. Derived from the world; losing it costs one turn."""

    steps: dict[ServiceName, Step] = field(default_factory=dict)
    resolved: tuple[Wanted, Desired, datetime | None] | None = None
    told: tuple[Desired, tuple[tuple[object, ...], ...]] | None = None
    share_again_at: datetime | None = None  # while a newcomer is on its way to its full share
    rotations: dict[ServiceName, tuple[Step, Rotation]] = field(default_factory=dict)
    publish_again_at: datetime | None = None  # set while Envoy has not taken what it was told
    unwritten: list[Event] = field(default_factory=list)  # while the journal is full
    trouble: dict[str, str] = field(default_factory=dict)  # what is wrong now, by its source
    told_before: Mapping[story.Life, Phase] = field(
        default_factory=dict
    )  # by who was here before us
    failures: dict[ReplicaId, SeenReplica] = field(default_factory=dict)  # until it is ready again


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn saw, decided and did."""

    at: datetime
    wanted: Wanted
    desired: Desired
    steps: dict[ServiceName, Step]
    actions: tuple[Action, ...]
    outcomes: tuple[Outcome, ...]
    trouble: tuple[str, ...]
    spilled: Mapping[ServiceName, str]  # why traffic does not stay in its zone
    look_again_at: datetime | None


async def turn(world: World, wanted: Wanted, memory: Memory, now: datetime) -> Turn:
    seen = await world.engine.observe()
    desired, expiry = _resolved(wanted, memory, now)
    before = memory.steps
    wishes = {**_gone(before, seen.processes, desired), **desired.services}
    steps = _decided(wishes, seen, before, world.traffic.routed(), now)
    fresh = {name: step for name, step in steps.items() if step is not before.get(name)}
    actions = [action for step in fresh.values() for action in step.plan.actions]
    told = [*_changes(fresh, memory, desired.environment, now)]
    memory.steps = steps
    _remember_failures(memory, [replica for step in fresh.values() for replica in step.replicas])
    allowed = await _record(world, memory, desired.environment, told, actions, now)
    untold = memory.told is None or memory.told[0] is not desired
    shares_change = memory.share_again_at is not None and memory.share_again_at <= now
    if fresh or untold or shares_change or memory.publish_again_at is not None:
        await _publish(world, memory, desired, allowed, now)
    await _tell(world, memory, desired)
    outcomes = await _act(world, allowed)
    failed = [*story.failures(desired.environment, outcomes, now)]
    await _record(world, memory, desired.environment, failed, (), now)
    times = [s.asleep_until for s in steps.values() if s.asleep_until is not None]
    times += [t for t in (expiry, memory.publish_again_at, memory.share_again_at) if t is not None]
    return Turn(
        at=now,
        wanted=wanted,
        desired=desired,
        steps=steps,
        actions=tuple(allowed),
        outcomes=outcomes,
        trouble=tuple(memory.trouble.values()),
        spilled={name: r.spilled for name, (_, r) in memory.rotations.items() if r.spilled},
        look_again_at=min(times, default=None),
    )


def _resolved(wanted: Wanted, memory: Memory, now: datetime) -> tuple[Desired, datetime | None]:
    """Fold the overrides in, but only when they or the time have changed what they mean."""
    if memory.resolved is not None:
        before, desired, expiry = memory.resolved
        if before is wanted and (expiry is None or now < expiry):
            return desired, expiry
    desired = resolve(wanted.described, wanted.overrides, now)
    expiry = next_expiry(wanted.overrides, now)
    memory.resolved = (wanted, desired, expiry)
    return desired, expiry


def _decided(
    wishes: Mapping[ServiceName, DesiredService],
    seen: Seen,
    before: Mapping[ServiceName, Step],
    routed: AbstractSet[ReplicaId],
    now: datetime,
) -> dict[ServiceName, Step]:
    """Of each service the last answer, where it still holds, or a new one."""
    steps: dict[ServiceName, Step] = {}
    for name, wish in wishes.items():
        processes, last = seen.processes.get(name, ()), before.get(name)
        if last is not None and still_holds(last, wish, processes, seen.hosts, now):
            steps[name] = last
        else:
            steps[name] = decide_service(wish, processes, routed=routed, hosts=seen.hosts, now=now)
    return steps


def _changes(
    fresh: Mapping[ServiceName, Step], memory: Memory, environment: EnvironmentId, now: datetime
) -> Iterator[Event]:
    """What is news since the last turn."""
    for name, step in fresh.items():
        last = memory.steps.get(name)
        known = last.replicas if last is not None else ()
        yield from story.changes(environment, known, step.replicas, now, memory.told_before)


def _gone(
    before: dict[ServiceName, Step], present: Iterable[ServiceName], desired: Desired
) -> dict[ServiceName, DesiredService]:
    """Services that have left the description but still have processes: none of it is wanted."""
    gone: dict[ServiceName, DesiredService] = {}
    for name in present:
        if name in desired.services:
            continue
        last = before.get(name)
        if last is not None and last.desired.count == 0:
            gone[name] = last.desired
        else:
            gone[name] = unwanted(name, last.desired if last is not None else None)
    return gone


def _remember_failures(memory: Memory, replicas: Sequence[SeenReplica]) -> None:
    """How a replica failed last is shown until it is ready, also while it starts again."""
    for replica in replicas:
        if replica.phase is Phase.FAILED:
            memory.failures[replica.id] = replica
        elif replica.phase in (Phase.READY, Phase.DONE):
            memory.failures.pop(replica.id, None)


async def _record(
    world: World,
    memory: Memory,
    environment: EnvironmentId,
    told: Sequence[Event],
    actions: Sequence[Action],
    now: datetime,
) -> Sequence[Action]:
    """Write down what was seen and what will be done; return what may be done.

    When nothing can be written, events are kept (bounded) until it can, and only those actions are
    allowed that keep alive what was alive.
    """
    events = [*memory.unwritten, *told, *story.intentions(environment, actions, now)]
    if not events:
        return actions
    try:
        await world.journal.record(events)
    except JournalError as error:
        allowed = allowed_without_journal(actions)
        memory.unwritten = [
            *memory.unwritten,
            *told,
            *story.intentions(environment, allowed, now),
        ][-BUFFERED_EVENTS_MAX:]
        memory.trouble["journal"] = f"{error}; only restart, eject and drain go on ({error.remedy})"
        return allowed
    memory.unwritten = []
    memory.trouble.pop("journal", None)
    return actions


async def _publish(
    world: World,
    memory: Memory,
    desired: Desired,
    actions: Sequence[Action],
    now: datetime,
) -> None:
    """Tell Envoy, before anything is drained or ended, who is in rotation."""
    leaving = {a.replica for a in actions if isinstance(a, Drain)}
    memory.rotations = {
        name: (step, _rotation(step, memory.rotations.get(name), leaving, now))
        for name, step in memory.steps.items()
    }
    rotations = [shared for _, shared in memory.rotations.values()]
    times = [r.look_again_at for r in rotations if r.look_again_at is not None]
    memory.share_again_at = min(times, default=None)
    rotation = [share for shared in rotations for share in shared.shares]
    key = tuple(_told(share) for share in rotation)
    same = memory.told is not None and memory.told[0] is desired and memory.told[1] == key
    if same and (memory.publish_again_at is None or now < memory.publish_again_at):
        return
    memory.told = (desired, key)
    try:
        await world.traffic.publish(desired, rotation)
    except TrafficError as error:
        memory.publish_again_at = now + timedelta(seconds=PUBLISH_RETRY_S)
        text = f"Envoy was not told: {error}"
        if memory.trouble.get("traffic") != text:
            memory.trouble["traffic"] = text
            event = story.trouble(desired.environment, "traffic-refused", text, now)
            await _record(world, memory, desired.environment, [event], (), now)
        return
    memory.publish_again_at = None
    memory.trouble.pop("traffic", None)


def _rotation(
    step: Step,
    before: tuple[Step, Rotation] | None,
    leaving: AbstractSet[ReplicaId],
    now: datetime,
) -> Rotation:
    """The last answer again where nothing has changed and no newcomer has got older by a step."""
    if before is not None and before[0] is step:
        again_at = before[1].look_again_at
        if again_at is None or now < again_at:
            return before[1]
    staying = [r for r in step.replicas if r.in_rotation and r.id not in leaving]
    return share_out(step.desired, staying, hosts=step.hosts, now=now)


def _told(share: Share) -> tuple[object, ...]:
    """All of a share that Envoy hears of."""
    process = share.replica.process
    where = (process.replica, process.incarnation, process.address, process.port)
    return (*where, share.weight, share.near)


async def _tell(world: World, memory: Memory, desired: Desired) -> None:
    """Say to running services what they shall do differently, before new ones begin."""
    wishes = desired.services.items()
    words = {name: wish.controls for name, wish in wishes if wish.controls != Controls()}
    try:
        await world.engine.tell(words, world.epoch)
    except StaleEpochError:
        raise  # not ours to speak any more
    except EngineError as error:
        memory.trouble["tell"] = str(error)
        return
    memory.trouble.pop("tell", None)


async def _act(world: World, actions: Sequence[Action]) -> tuple[Outcome, ...]:
    """Perform side by side, a bounded number at once. A failure is an outcome, not the end."""
    outcomes: list[Outcome] = []
    for first in range(0, len(actions), ACTIONS_AT_ONCE_MAX):
        batch = actions[first : first + ACTIONS_AT_ONCE_MAX]
        outcomes += await asyncio.gather(*(_perform(world, action) for action in batch))
    return tuple(outcomes)


async def _perform(world: World, action: Action) -> Outcome:
    try:
        return await world.engine.perform(action, world.epoch)
    except StaleEpochError:
        raise  # not ours to act any more
    except EngineError as error:
        return Outcome(action, ok=False, detail=str(error))
