"""What a turn of the loop costs as the site grows: the loop is measured in a simulated world."""

from benchmarks.peers.scenario import Options
from benchmarks.peers.table import Table
from benchmarks.report import Figure
from benchmarks.turn import QUIET_TURNS, REPLICAS, TURN_MS_MAX, Cost, growth, measure

SIZES = (10, 100, 1_000, 10_000)  # replicas


async def turn(_: Options) -> Table:
    costs = [await measure(size // REPLICAS) for size in SIZES]
    quiet = growth([(c.replicas, c.quiet_ms) for c in costs])
    change = growth([(c.replicas, c.change_ms) for c in costs])
    return Table(
        "turn",
        f"One turn of the loop, services of {REPLICAS} replicas, median of {QUIET_TURNS}",
        {f"{c.replicas:,} replicas": _row(c) for c in costs},
        (
            "One change: a replica was killed; it is found, written down, taken out and replaced.",
            (
                f"At its steepest the cost grows with the size to the power of {quiet:.2f} "
                f"(quiet), {change:.2f} (one change); 1 would be in proportion."
            ),
        ),
        promise=f"a quiet turn of {SIZES[-1]:,} replicas <= {TURN_MS_MAX:g} ms of processor time",
        kept=costs[-1].quiet_ms <= TURN_MS_MAX,
    )


def _row(cost: Cost) -> dict[str, Figure]:
    return {
        "quiet, ms": cost.quiet_ms,
        "quiet, ms (most)": cost.quiet_ms_max,
        "one change, ms": cost.change_ms,
        "quiet, µs for each replica": 1000 * cost.quiet_ms / cost.replicas,
    }
