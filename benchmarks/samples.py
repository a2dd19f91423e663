"""What a day of samples costs: bytes on the disk, processor time to take them in, time to ask.

    python -m benchmarks.samples [--hours 24]

2,000 series of 50 targets, fetched every 5 seconds: histograms, counters that restart, whole and
noisy gauges, with a daily wave. Samples enter as rows of numbers (reading the text is not part of
it), are committed row by row to a log on the disk, cut, compacted and thinned as in the monitor.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from headway.monitoring.io.store import Limits, Store
from headway.monitoring.promql.evaluate import query
from headway.monitoring.promql.setting import Setting
from headway.monitoring.series import NAME, Floats, Labels
from headway.monitoring.upkeep import DAY_MS, HOUR_MS, LEVELS

TARGETS, EVERY_MS = 50, 5000
BEGIN_MS = 1_700_000_000_000 // (64 * DAY_MS) * (64 * DAY_MS)
BUCKETS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
QUERIES = (
    ("rate 5m of 100 counters, 1 h each 60 s", 'rate(hits_total{path="/0"}[5m])', 1, 60),
    (
        "p99 of 600 buckets, all hours each 5 min",
        'histogram_quantile(0.99, sum by (le) (rate(latency_seconds_bucket{route="/0"}[5m])))',
        0,
        300,
    ),
    ("one gauge, all hours each 60 s", 'load{instance="host-7",cpu="1"}', 0, 60),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=int, default=24)
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory() as folder:
        with closing(Store(Path(folder) / "store", Limits(), print)) as store:
            ingest(store, hours)
            ask(store, hours)
        begun = time.perf_counter()
        Store(Path(folder) / "store", Limits(), print).close()
        line("opened again", f"{(time.perf_counter() - begun) * 1000:.0f} ms")


def ingest(store: Store, hours: int) -> None:
    rows = hours * HOUR_MS // EVERY_MS
    data = [target(number, rows) for number in range(TARGETS)]
    feeds = [store.feed({"job": "web", "instance": f"host-{n}"}) for n in range(TARGETS)]
    labels = labels_of_target()
    samples = rows * TARGETS * len(labels)
    upkeep_s, longest_s, begun = 0.0, 0.0, time.process_time()
    for row in range(rows):
        at_ms = BEGIN_MS + row * EVERY_MS
        for number, feed in enumerate(feeds):
            store.append(feed, at_ms + number, labels, data[number][row])
        store.commit()
        if row % 12 == 0:
            spent, longest = keep_up(store, at_ms)
            upkeep_s, longest_s = upkeep_s + spent, max(longest_s, longest)
    spent, _ = keep_up(store, BEGIN_MS + (hours // 2 * 2) * HOUR_MS + HOUR_MS // 2)
    cpu_s = time.process_time() - begun
    line("samples", f"{samples:,}")
    line("processor time, log and upkeep included", f"{cpu_s:.1f} s")
    line("  of which upkeep", f"{upkeep_s + spent:.1f} s, the longest step {longest_s:.1f} s")
    line("samples per second of one core", f"{samples / cpu_s / 1e6:.2f} million")
    store.cut()
    sizes = store.state.shelf.sizes
    for level in LEVELS:
        used = sum(
            size for block, size in sizes.items() if block.resolution_ms == level.resolution_ms
        )
        if used:
            line(
                f"bytes per sample, level {level.resolution_ms // 1000} s", f"{used / samples:.3f}"
            )
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    own_kb = sum(d.nbytes for d in data) // 1024
    line("memory at most, without the benchmark's own data", f"{(peak_kb - own_kb) // 1024} MiB")


def keep_up(store: Store, now_ms: int) -> tuple[float, float]:
    total_s, longest_s = 0.0, 0.0
    while True:
        begun = time.process_time()
        step = store.maintain(now_ms)
        spent_s = time.process_time() - begun
        if not step:
            return total_s, longest_s
        total_s, longest_s = total_s + spent_s, max(longest_s, spent_s)


def ask(store: Store, hours: int) -> None:
    end_ms = BEGIN_MS + hours * HOUR_MS - EVERY_MS
    for name, text, last_hours, step_s in QUERIES:
        start_ms = end_ms - (last_hours or hours) * HOUR_MS
        for when in ("first", "again"):
            taken_s = timed(lambda: run(store, text, start_ms, end_ms, step_s))  # noqa: B023
            line(f"{name}, {when}", f"{taken_s * 1000:.0f} ms")


def run(store: Store, text: str, start_ms: int, end_ms: int, step_s: int) -> None:
    query(text, Setting(store, start_ms, end_ms), step_ms=step_s * 1000)


def timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def labels_of_target() -> list[Labels]:
    buckets = [
        {NAME: "latency_seconds_bucket", "route": f"/{r}", "le": le}
        for r in range(2)
        for le in BUCKETS
    ]
    sums = [
        {NAME: f"latency_seconds_{kind}", "route": f"/{r}"}
        for kind in ("sum", "count")
        for r in range(2)
    ]
    counters = [{NAME: "hits_total", "path": f"/{n // 2}", "code": str(n % 2)} for n in range(4)]
    whole = [{NAME: "in_flight", "pool": str(n)} for n in range(4)]
    noisy = [{NAME: "load", "cpu": str(n)} for n in range(4)]
    return [*buckets, *sums, *counters, *whole, *noisy]


def target(seed: int, rows: int) -> Floats:
    """`[time, series]`, in the order of the labels."""
    chance = np.random.default_rng(seed)
    wave = 30 * (1 + 0.6 * np.sin(np.arange(rows) * EVERY_MS / DAY_MS * 2 * np.pi))
    steps, sums = [], []
    for _ in range(2):
        hits = chance.poisson(wave)
        share = np.diff(np.concatenate([[0], np.sort(chance.random(len(BUCKETS) - 1)), [1]]))
        steps += list(np.cumsum(chance.poisson(hits[None, :] * share[:, None]), axis=0))
        sums.append(np.round(chance.gamma(np.maximum(hits, 1), 0.05), 6))
    counts = [steps[len(BUCKETS) - 1], steps[-1]]
    counters = [chance.poisson(wave * part) for part in (1.0, 0.01, 0.5, 0.001)]
    totals = np.cumsum(np.array([*steps, *sums, *counts, *counters]), axis=1)
    for restart in np.sort(chance.choice(rows, 2)):
        totals[:, restart:] -= totals[:, restart][:, None]
    whole = chance.poisson(wave / 5, (4, rows))
    noisy = wave / 10 + np.cumsum(chance.normal(0, 0.01, (4, rows)), axis=1)
    return np.ascontiguousarray(np.concatenate([totals, whole, noisy]).T)


def line(what: str, figure: str) -> None:
    print(f"{what:52} {figure}")


if __name__ == "__main__":
    main()
