"""CPU of one loop turn without change, for 100 to 2,000 services of 10 replicas (simulated).

    .venv/bin/python -m benchmarks.turn [--json FILE]

Also checks what a cheap turn must not cost: a replica that is killed behind the loop's back is
found by the very next turn.
"""

import argparse
import asyncio
import gc
import json
import statistics
import time
from pathlib import Path

from benchmarks.report import Finding

from headway.model.ids import ServiceName
from headway.model.observed import Phase
from headway.testing.builders import desired, wish
from headway.testing.world import SimulatedWorld

SIZES = (100, 250, 500, 1000, 2000)
REPLICAS = 10
TURNS = 30
SERVICES, TURN_MS_MAX = 1000, 50.0


async def measure(services: int) -> dict[str, float]:
    wishes = (wish(f"s{number:04}", REPLICAS) for number in range(services))
    world = SimulatedWorld(1, desired(*wishes))
    world.engine.pass_time()
    await world.turns(12)
    last = await world.turn()
    assert not last.actions, "the world has not settled"
    gc.collect()
    cpu_ms = []
    for _ in range(TURNS):
        world.advance(0.1)
        before = time.process_time()
        await world.look()
        cpu_ms.append((time.process_time() - before) * 1000)
    name = f"s{services // 2:04}"
    victim = world.replicas(name)[3].id
    world.engine.kill(victim)
    found = await world.turn()
    phases = {r.id: r.phase for r in found.steps[ServiceName(name)].replicas}
    assert phases[victim] is Phase.FAILED, "a replica killed behind its back was not found"
    return {"services": services, "median_ms": statistics.median(cpu_ms), "max_ms": max(cpu_ms)}


async def turn(_: int) -> Finding:
    """As a scenario beside the others."""
    row = await measure(SERVICES)
    return Finding(
        scenario=f"a turn of the loop without change, {SERVICES:,} services of {REPLICAS} replicas",
        promise=f"processor time <= {TURN_MS_MAX:g} ms (median), and a killed replica is found",
        kept=row["median_ms"] <= TURN_MS_MAX,
        figures={"median, ms": row["median_ms"], "most, ms": row["max_ms"]},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = [asyncio.run(measure(size)) for size in SIZES]
    print(f"{'services':>9} {'replicas':>9} {'median ms':>10} {'max ms':>8} {'µs/replica':>11}")
    for row in rows:
        replicas = int(row["services"]) * REPLICAS
        per_us = row["median_ms"] * 1000 / replicas
        print(
            f"{row['services']:>9.0f} {replicas:>9} {row['median_ms']:>10.2f} "
            f"{row['max_ms']:>8.2f} {per_us:>11.3f}"
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
