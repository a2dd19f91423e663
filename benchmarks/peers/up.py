"""From `headway up` to the first 200, when nothing of Headway runs: 1, 10 and 50 replicas."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.peers.compare import in_turns, median_or_none
from benchmarks.peers.scenario import Options
from benchmarks.peers.table import Table
from benchmarks.report import Figure
from benchmarks.site_under_test import Description, prepared
from benchmarks.skeleton.faces import first_answer

SIZES = {"1 replica": 1, "10 replicas": 10, "50 replicas": 50}

Start = tuple[float, float]  # seconds to the first 200, and to the end of the command


async def up(options: Options) -> Table:
    found: dict[str, list[Start]] = defaultdict(list)
    for _, name in in_turns([*SIZES], options.rounds):
        found[name].append(await _once(SIZES[name]))
    return Table(
        "up",
        f"headway up, median of {options.rounds}",
        {name: _row(found[name]) for name in SIZES},
        (
            (
                "A fresh home: headwayd, keeper, Envoy and the replicas (Python, about 0.1 s each) "
                "all start. The files are in the system's cache after the first time."
            ),
        ),
    )


async def _once(replicas: int) -> Start:
    async with prepared() as site:
        began_s = time.monotonic()
        command = asyncio.create_task(site.describe(Description(replicas=replicas)))
        await first_answer(site, command)
        first_s = time.monotonic() - began_s
        ran = await command
    return first_s, ran.took_s


def _row(starts: Sequence[Start]) -> dict[str, Figure]:
    first_s = [first for first, _ in starts]
    return {
        "first 200 after, s": median_or_none(first_s),
        "fastest": min(first_s),
        "slowest": max(first_s),
        "all ready after, s": median_or_none([all_s for _, all_s in starts]),
    }
