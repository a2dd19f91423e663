"""One turn: what it records, what it publishes, and in which order."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from headway.model.desired import Desired
from headway.model.errors import StaleEpochError
from headway.model.event import Event
from headway.model.ids import ReplicaId, ServiceName
from headway.model.observed import Phase
from headway.model.override import DrainReplica, Override, Rank, RestartBefore, ScaleTo
from headway.model.plan import Start
from headway.model.rotation import Share
from headway.testing.builders import NEW, OLD, desired, wish
from headway.testing.engine import Behaviour
from headway.testing.world import SimulatedWorld

WEB = ServiceName("web")


def settled(count: int = 3, *, ready_min: int | None = None) -> SimulatedWorld:
    world = SimulatedWorld(1, desired(wish(count=count, ready_min=ready_min)))
    asyncio.run(world.turns(150))  # long enough that every life counts as a good one
    assert world.ready("web") == count
    return world


def override(world: SimulatedWorld, change: ScaleTo | RestartBefore | DrainReplica) -> None:
    now = world.now()
    world.override(Override(change, Rank.HUMAN, "anna", "", now, now + timedelta(hours=1)))


def run(world: SimulatedWorld, turns: int = 150) -> None:
    asyncio.run(world.turns(turns))


def test_a_killed_replica_is_out_of_envoy_and_started_again_in_the_very_next_turn() -> None:
    world = settled()
    victim = world.replicas("web")[1].id
    world.engine.kill(victim)
    turn = asyncio.run(world.look())
    assert victim not in world.traffic.routed()
    assert [(a.replica, a.incarnation) for a in turn.actions if isinstance(a, Start)] == [
        (victim, 2)
    ]


def test_a_turn_without_change_writes_publishes_and_does_nothing() -> None:
    world = settled()
    events, published = len(world.journal.events), world.traffic.published
    turn = asyncio.run(world.turn())
    assert (len(world.journal.events), world.traffic.published) == (events, published)
    assert turn.actions == ()


def test_every_action_is_in_the_journal_before_it_is_done() -> None:
    world = SimulatedWorld(1, desired(wish(count=2)))
    seen_at_record: list[int] = []
    record = world.journal.record

    async def watching(events: Sequence[Event]) -> None:
        seen_at_record.append(world.engine.starts)
        await record(events)

    world.journal.record = watching  # type: ignore[method-assign]
    asyncio.run(world.turn())
    assert seen_at_record[0] == 0
    assert [e.kind for e in world.journal.events[:2]] == ["start", "start"]


def test_a_replica_leaves_envoy_before_it_is_drained() -> None:
    world = settled()
    order: list[str] = []
    publish, perform = world.traffic.publish, world.engine.perform

    async def publishing(wanted: Desired, rotation: Sequence[Share]) -> None:
        order.append(f"publish {len(rotation)}")
        await publish(wanted, rotation)

    async def performing(action: object, epoch: int) -> object:
        order.append(type(action).__name__)
        return await perform(action, epoch)  # type: ignore[arg-type]

    world.traffic.publish = publishing  # type: ignore[method-assign, assignment]
    world.engine.perform = performing  # type: ignore[method-assign, assignment]
    override(world, ScaleTo(WEB, 2))
    asyncio.run(world.look())
    assert order == ["publish 2", "Drain"]


def test_scaling_by_hand_ends_when_it_expires() -> None:
    world = settled(2)
    override(world, ScaleTo(WEB, 4))
    run(world)
    assert world.ready("web") == 4
    asyncio.run(world.turns(30, step_s=300))
    assert world.ready("web") == 2


def test_a_restart_replaces_every_life_and_never_goes_below_what_is_needed() -> None:
    world = settled()
    before = {p.pid for p in world.engine.alive()}
    override(world, RestartBefore(WEB, world.now()))
    fewest = 3
    for _ in range(300):
        asyncio.run(world.turn())
        fewest = min(fewest, world.ready("web"))
    assert fewest >= 2
    assert not before & {p.pid for p in world.engine.alive()}
    assert world.ready("web") == 3


def test_a_drained_replica_is_replaced_and_its_successor_of_the_same_name_stays() -> None:
    world = settled()
    victim = world.replicas("web")[0]
    override(world, DrainReplica(WEB, victim.id, world.now()))
    run(world, 300)
    assert victim.process.pid not in {p.pid for p in world.engine.alive()}
    assert world.ready("web") == 3


def test_a_new_release_that_never_gets_healthy_costs_no_ready_replica() -> None:
    world = SimulatedWorld(
        1,
        desired(wish(count=3, release=OLD)),
        lambda start: Behaviour(exits_after_s=0.1) if start.release == NEW else Behaviour(),
    )
    run(world)
    world.want(desired(wish(count=3, release=NEW)))
    run(world, 600)
    ready = [r for r in world.replicas("web") if r.phase is Phase.READY]
    assert [r.process.release for r in ready] == [OLD] * 3


def test_a_loop_that_comes_back_takes_over_without_touching_anything() -> None:
    world = settled()
    before = {p.pid for p in world.engine.alive()}
    starts, events = world.engine.starts, len(world.journal.events)
    world.restart_loop()
    run(world, 20)
    assert {p.pid for p in world.engine.alive()} == before
    assert (world.engine.starts, len(world.journal.events)) == (starts, events)


def test_a_loop_of_an_older_epoch_is_refused_and_told_so() -> None:
    world = settled()
    world.epoch += 1
    override(world, ScaleTo(WEB, 4))
    asyncio.run(world.look())
    world.epoch -= 1
    world.engine.kill(world.replicas("web")[0].id)
    with pytest.raises(StaleEpochError):
        asyncio.run(world.turns(5))


def test_with_a_full_disk_the_dead_are_replaced_and_nothing_new_begins() -> None:
    world = settled()
    world.journal.full = True
    override(world, ScaleTo(WEB, 6))
    world.engine.kill(world.replicas("web")[0].id)
    run(world)
    assert world.ready("web") == 3
    assert "journal" in world.memory.trouble
    world.journal.full = False
    run(world)
    assert world.ready("web") == 6
    assert "journal" not in world.memory.trouble


def test_nothing_is_lost_that_happened_while_the_disk_was_full() -> None:
    world = settled()
    world.journal.full = True
    victim = world.replicas("web")[0].id
    world.engine.kill(victim)
    run(world, 20)
    world.journal.full = False
    run(world, 20)
    assert [e.kind for e in world.journal.events if e.subject == victim][-3:] == [
        "failed",
        "start",
        "ready",
    ]


def test_what_envoy_refused_is_shown_and_tried_again() -> None:
    world = settled()
    world.traffic.refuses = True
    world.engine.kill(world.replicas("web")[0].id)
    run(world, 3)
    assert "Envoy was not told" in world.memory.trouble["traffic"]
    world.traffic.refuses = False
    run(world, 30)
    assert "traffic" not in world.memory.trouble
    assert len(world.traffic.rotation) == 3


def test_a_service_that_left_the_description_is_drained_and_forgotten() -> None:
    world = settled()
    world.want(desired(wish("other")))
    run(world)
    assert {p.service for p in world.engine.alive()} == {"other"}
    assert world.replicas("web") == ()


def test_after_a_restart_of_the_loop_a_service_that_left_is_still_ended() -> None:
    world = settled()
    world.want(desired(wish("other")))
    world.restart_loop()
    run(world)
    assert {p.service for p in world.engine.alive()} == {"other"}


def test_how_a_replica_failed_is_remembered_until_it_is_ready_again() -> None:
    world = settled(1, ready_min=0)
    victim = ReplicaId("web-1")
    world.engine.kill(victim, status=1)
    asyncio.run(world.look())
    assert world.memory.failures[victim].reason == "exited 1"
    run(world, 30)
    assert victim not in world.memory.failures


def test_two_worlds_of_the_same_seed_go_the_same_way() -> None:
    def story(seed: int) -> list[tuple[str, str]]:
        world = SimulatedWorld(seed, desired(wish(count=3)))
        world.engine.lose_answers = 0.3
        run(world, 60)
        return [(e.kind, e.subject) for e in world.journal.events]

    assert story(7) == story(7)
