"""Processor time of one turn of the loop, quiet and with one change, by size (simulated).

Also checks what a cheap turn must not cost: a replica that is killed behind the loop's back is
found by the very next turn.
"""

import gc
import time
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from statistics import median

from benchmarks.report import Finding

from headway.model.ids import ServiceName
from headway.model.observed import Phase
from headway.testing.builders import desired, wish
from headway.testing.world import SimulatedWorld

REPLICAS = 10  # of each service
QUIET_TURNS, CHANGES = 30, 5
SETTLING_TURNS = 12
SERVICES, TURN_MS_MAX = 1000, 50.0


@dataclass(frozen=True, slots=True)
class Cost:
    replicas: int
    quiet_ms: float  # nothing has changed; the median, as below
    quiet_ms_max: float
    change_ms: float  # one replica was killed: found, written down, taken out of traffic, replaced


async def measure(services: int) -> Cost:
    wishes = (wish(f"s{number:04}", REPLICAS) for number in range(services))
    world = SimulatedWorld(1, desired(*wishes))
    world.engine.pass_time()
    await _settle(world)
    gc.collect()
    quiet_ms = [await _turn_ms(world) for _ in range(QUIET_TURNS)]
    change_ms = [await _change_ms(world, f"s{services // 2:04}") for _ in range(CHANGES)]
    return Cost(services * REPLICAS, median(quiet_ms), max(quiet_ms), median(change_ms))


async def _settle(world: SimulatedWorld) -> None:
    # Seconds apart: newcomers have their whole share by then.
    last = await world.turns(SETTLING_TURNS, step_s=1.0)
    if last.actions:
        raise RuntimeError("the world has not settled")


async def _turn_ms(world: SimulatedWorld) -> float:
    world.advance(0.1)
    before_s = time.process_time()
    await world.look()
    return (time.process_time() - before_s) * 1000


async def _change_ms(world: SimulatedWorld, service: str) -> float:
    victim = next(r.id for r in world.replicas(service) if r.phase is Phase.READY)
    world.engine.kill(victim)
    took_ms = await _turn_ms(world)
    assert world.last is not None, "a turn was taken"
    phases = {r.id: r.phase for r in world.last.steps[ServiceName(service)].replicas}
    assert phases[victim] is Phase.FAILED, "a replica killed behind its back was not found"
    await _settle(world)
    return took_ms


def growth(costs: list[tuple[int, float]]) -> float:
    """The power of the size that the cost grows with, at its steepest: 1 is in proportion."""
    return max(
        log10(more_ms / less_ms) / log10(larger / smaller)
        for (smaller, less_ms), (larger, more_ms) in pairwise(sorted(costs))
    )


async def turn(_: int) -> Finding:
    """As a scenario beside the others."""
    cost = await measure(SERVICES)
    return Finding(
        scenario=f"a turn of the loop without change, {SERVICES:,} services of {REPLICAS} replicas",
        promise=f"processor time <= {TURN_MS_MAX:g} ms (median), and a killed replica is found",
        kept=cost.quiet_ms <= TURN_MS_MAX,
        figures={
            "median, ms": cost.quiet_ms,
            "most, ms": cost.quiet_ms_max,
            "with one change, ms": cost.change_ms,
        },
    )
