"""One of four backends takes ten times as long as the others, and is otherwise well."""

import asyncio
from collections.abc import Sequence

from benchmarks.ask import ask
from benchmarks.peers.compare import median_or_none, ratio
from benchmarks.peers.peer import Peer
from benchmarks.peers.scenario import BEFORE_S, RATE_S, Options, compared, under_load
from benchmarks.peers.table import Table
from benchmarks.report import Figure
from benchmarks.site_under_test import Description
from benchmarks.summary import between, summarize

SHAPE = Description(replicas=4, takes_ms=5)
SLOW_TAKES_MS = 50
WATCHED_S = 5.0
SETTLING_S = 0.5

Round = dict[str, float | None]


async def slow(options: Options) -> Table:
    title = f"One of 4 takes {SLOW_TAKES_MS} ms instead of 5, {RATE_S:.0f} requests/s"
    note = "p50 and p99 are those of all requests. An even share would be 25 %."
    return await compared("slow", title, options, _once, _row, (note,))


async def _once(peer: Peer) -> Round:
    async with peer.running(SHAPE) as running, under_load(running) as load:
        await asyncio.sleep(BEFORE_S)
        victim = (await running.members())[0]
        at_s = load.users.now_s
        await ask(victim.port, f"/control?takes_ms={SLOW_TAKES_MS}")
        await asyncio.sleep(SETTLING_S + WATCHED_S)
        records = await load.stop()
    before = summarize(between(records, SETTLING_S, at_s))
    while_slow = between(records, at_s + SETTLING_S, at_s + SETTLING_S + WATCHED_S)
    seen = summarize(while_slow)
    own = sum(r.answered_by == victim.name for r in while_slow)
    return {
        "before": before.p99_ms,
        "p50": seen.p50_ms,
        "p99": seen.p99_ms,
        "share": 100 * own / seen.sent if seen.sent else None,
        "failed": float(seen.failed),
    }


def _row(rounds: Sequence[Round], base: Sequence[Round]) -> dict[str, Figure]:
    def middle(name: str) -> float | None:
        return median_or_none([r[name] for r in rounds])

    return {
        "p99 before, ms": middle("before"),
        "p50, ms": middle("p50"),
        "p99, ms": middle("p99"),
        "p99 x Headway": ratio([r["p99"] for r in rounds], [r["p99"] for r in base]),
        "share of the slow one, %": middle("share"),
        "failed": sum(int(r["failed"] or 0) for r in rounds),
    }
