"""Seeded worlds with crashes, slow starts, lost answers, hung processes, clock jumps, a full disk.

Safety: by our own doing there are never fewer than `ready_min` ready. Restraint: never more
processes than `count + surge_max`. Progress: when the trouble ends, the wish comes true.
A failure prints the seed; `make simulate SEED=n` replays it.
"""

import asyncio
import os
from random import Random

import pytest

from headway.model.desired import DesiredService
from headway.model.observed import Phase
from headway.model.plan import Drain, Start, Stop
from headway.testing.builders import NEW, OLD, desired, wish
from headway.testing.engine import Behaviour
from headway.testing.world import SimulatedWorld

ONE_SEED = os.environ.get("SEED")
SEEDS = [int(ONE_SEED)] if ONE_SEED else list(range(60))
TROUBLED_TURNS, CALM_TURNS = 300, 1500


def behaviour(chance: Random) -> Behaviour:
    draw = chance.random()
    if draw < 0.15:
        return Behaviour(exits_after_s=chance.uniform(0, 3), exit_status=chance.choice([0, 1, 137]))
    if draw < 0.2:
        return Behaviour(healthy_after_s=float("inf"))
    return Behaviour(
        healthy_after_s=chance.uniform(0.05, 5), ends_after_s=chance.choice([0.05, 2, 60])
    )


def upset(world: SimulatedWorld, chance: Random) -> None:
    """Something bad happens, or nothing."""
    alive = world.engine.alive()
    event = chance.random()
    if event < 0.04 and alive:
        world.engine.kill(chance.choice(alive).replica)
    elif event < 0.07 and alive:
        world.engine.hang(chance.choice(alive).replica)
    elif event < 0.12 and alive:
        world.engine.recover(chance.choice(alive).replica)
    elif event < 0.14:
        world.machine.jump(chance.uniform(-100_000, 100_000))
    elif event < 0.16:
        world.restart_loop()
    elif event < 0.19:
        world.journal.full = not world.journal.full
    elif event < 0.21:
        world.traffic.refuses = not world.traffic.refuses
    elif event < 0.25:
        world.want(desired(any_wish(chance)))


def any_wish(chance: Random) -> DesiredService:
    count = chance.randint(0, 6)
    ready_min = chance.randint(0, count)
    surge_max = chance.randint(1 if ready_min == count else 0, 3)
    release = chance.choice([OLD, NEW])
    return wish("web", count, ready_min=ready_min, surge_max=surge_max, release=release)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_world_is_safe_restrained_and_recovers(seed: int) -> None:
    asyncio.run(play(seed))


async def play(seed: int) -> None:
    chance = Random(seed)
    calm = False
    world = SimulatedWorld(
        seed,
        desired(any_wish(chance)),
        lambda _: Behaviour() if calm else behaviour(chance),
    )
    world.engine.lose_answers = chance.choice([0, 0, 0.2])
    for _ in range(TROUBLED_TURNS):
        upset(world, chance)
        await one_turn(world, chance.choice([0.01, 0.1, 1.0]))

    calm = True
    world.engine.lose_answers = 0
    world.journal.full = world.traffic.refuses = False
    for process in world.engine.alive():
        world.engine.kill(process.replica)
    wanted = wish("web", 4, ready_min=3, release=NEW)
    world.want(desired(wanted))
    for _ in range(CALM_TURNS):
        await one_turn(world, 0.1)
        if is_settled(world, 4):
            break
    assert is_settled(world, 4), f"seed {seed}: {world.replicas('web')}"
    assert len(world.engine.alive()) == 4
    assert {share.replica.id for share in world.traffic.rotation} == {
        r.id for r in world.replicas("web")
    }
    assert not world.memory.unwritten


async def one_turn(world: SimulatedWorld, step_s: float) -> None:
    done = await world.turn(step_s=step_s)
    step = done.steps.get(next(iter(done.desired.services)))
    assert step is not None
    wished = step.desired
    drained = {a.replica for a in done.actions if isinstance(a, Drain)}
    started = [a for a in done.actions if isinstance(a, Start)]
    ready = [r for r in step.replicas if r.phase is Phase.READY]
    left = [r for r in ready if r.id not in drained]
    assert len(left) >= min(wished.ready_min, len(ready)), "safety: a needed replica was drained"
    stopped = {a.replica for a in done.actions if isinstance(a, Stop)}
    assert not stopped & {r.id for r in ready}, "safety: a ready replica was stopped undrained"
    if started:
        running = sum(r.process.exit is None for r in step.replicas)
        assert running + len(started) <= wished.count + wished.surge_max, "restraint"
    if world.journal.full:
        assert all(a.incarnation > 1 for a in started), "a first start that nobody wrote down"


def is_settled(world: SimulatedWorld, count: int) -> bool:
    replicas = world.replicas("web")
    return len(replicas) == count and all(
        r.phase is Phase.READY and r.process.release == NEW for r in replicas
    )
