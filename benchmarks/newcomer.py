"""A replica joins ten others that are at 80 % load: what it gets from its first good answer on.

Each run scales the running site from 10 to 11, watches the ramp, and scales back. The arrivals are
counted where they arrive, in windows of 100 ms; a fair share is one eleventh of what all got in the
same window. Then the same again with newcomers that are slow while they are cold and break when
they hold more than 8 requests: with Headway's slow start and cap, and as a plain least-request
Envoy, which is the same site without the two.

    python -m benchmarks.newcomer                  20 runs of each, about ten minutes
    python -m benchmarks.newcomer --runs 3         to see it work
"""

import argparse
import asyncio
import sys
from bisect import bisect_left
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.load import Limits, OpenLoop, Users
from benchmarks.report import Figure, Finding, described, machine, write
from benchmarks.site_under_test import LEFT_BEHIND, Description, SiteUnderTest, running
from benchmarks.summary import percentile, summarize

OLD = 10
FAIR = 1 / (OLD + 1)
LOAD = 0.8
SLOTS = 8
WINDOW_S = 0.1
AFTER_RAMP_S = 2.0  # when it must have what the others have
STEADY_S = 1.0  # the load before it joins, and the stretch over which its final share is counted
CRASH_ABOVE = 8
COLD_S = 3.0
COLD_TIMES = 5  # as slow as a warm one
UNCAPPED = 4096  # requests at one replica at once: as good as no cap
READY_S_MAX = 20.0
SETTLED_S_MAX = 60.0
POLL_S = 0.05

SHARE_MAX = 1.2  # of fair, in every window of the ramp
SHARE_AFTER_MIN = 0.8
PROMISE_SHARE = (
    f"no window of 100 ms above {SHARE_MAX:g} x fair (95th percentile of runs), and at least "
    f"{SHARE_AFTER_MIN:g} x fair {AFTER_RAMP_S:g} s after the ramp"
)
PROMISE_CRASH = (
    f"no newcomer that breaks above {CRASH_ABOVE} requests breaks; "
    "most do behind plain least-request"
)


def diary_beside(handled_ids: Path) -> Path:
    return handled_ids.with_name("diary")


@dataclass(frozen=True, slots=True)
class Joining(Description):
    """A site whose newcomers may be fragile, and which may protect them."""

    slow_start: str = "3s"
    watched_s: float = 3.0  # the ramp, or the time in which a fragile newcomer would break
    crash_above: int = 0
    cold_s: float = 0.0

    def backend_arguments(self, handled_ids: Path) -> tuple[str, ...]:
        return (
            *super(Joining, self).backend_arguments(handled_ids),
            *("--diary", str(diary_beside(handled_ids)), "--crash-above", str(self.crash_above)),
            *("--cold-s", str(self.cold_s), "--cold-takes-ms", str(self.takes_ms * COLD_TIMES)),
        )

    def site_yaml(self, port: int, handled_ids: Path) -> str:
        text = super(Joining, self).site_yaml(port, handled_ids)
        return f"{text}    slow_start: {self.slow_start}\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the backends' diary."""

    at_s: float
    replica: str
    what: str  # "ready", "request", "crash"


@dataclass(frozen=True, slots=True)
class Run:
    shares: tuple[float, ...]  # of fair, in each window from the first good answer on
    after: float  # of fair, beginning `AFTER_RAMP_S` after the ramp
    crashes: int  # of newcomers
    old_crashes: int
    arrivals_per_s: float
    failed: int = 0  # requests of users
    failed_by_kind: str = ""


def read(text: str) -> list[Entry]:
    """In the order of time; a line that is still being written is left out."""
    entries = []
    for line in text.splitlines(keepends=True):
        words = line.split()
        if line.endswith("\n") and len(words) == 3:
            entries.append(Entry(float(words[0]), words[1], words[2]))
    return sorted(entries, key=lambda e: e.at_s)


def made_of(entries: Sequence[Entry], newcomer: str, ramp_s: float) -> Run:
    """What a run's part of the diary says. Windows are counted from the first good answer."""
    ready_s = next(e.at_s for e in entries if e.what == "ready" and e.replica == newcomer)
    arrived = [e for e in entries if e.what == "request"]
    times = [e.at_s for e in arrived]

    def share(from_s: float, until_s: float) -> float:
        some = arrived[bisect_left(times, from_s) : bisect_left(times, until_s)]
        its = sum(e.replica == newcomer for e in some)
        return its / len(some) / FAIR if some else 0.0

    starts = [ready_s + n * WINDOW_S for n in range(round(ramp_s / WINDOW_S))]
    settled_s = ready_s + ramp_s + AFTER_RAMP_S
    crashed = [e.replica for e in entries if e.what == "crash"]
    return Run(
        shares=tuple(share(s, s + WINDOW_S) for s in starts),
        after=share(settled_s, settled_s + STEADY_S),
        crashes=crashed.count(newcomer),
        old_crashes=sum(name != newcomer for name in crashed),
        arrivals_per_s=len(arrived) / max(WINDOW_S, times[-1] - times[0]) if times else 0.0,
    )


def worst_window(runs: Sequence[Run]) -> tuple[float, int]:
    """The highest of all windows' 95th percentiles over the runs, and which window it is."""
    windows = zip(*(run.shares for run in runs), strict=True)
    ranked = [(percentile(sorted(shares), 0.95) or 0.0, n) for n, shares in enumerate(windows)]
    return max(ranked)


class Diary:
    """What the backends have written since the last look is added to what is known."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_bytes = file.stat().st_size  # what was before is not of this run
        self.entries: list[Entry] = []

    def look(self) -> list[Entry]:
        with self._file.open("rb") as file:
            file.seek(self._read_bytes)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        self.entries += read(whole.decode())
        return self.entries


async def runs_of(shape: Joining, rate_s: float, count: int) -> list[Run]:
    """One site, and a newcomer again and again."""
    async with running(shape) as site:
        runs = []
        for number in range(1, count + 1):
            await site.until(
                lambda seen: len(seen.ready) == OLD and seen.settled, limit_s=SETTLED_S_MAX
            )
            await asyncio.sleep(shape.cold_s)  # those that broke in the run before are warm again
            run = await _run(site, shape, rate_s)
            print(f"  run {number}: {told(run)}", file=sys.stderr, flush=True)
            runs.append(run)
        return runs


async def _run(site: SiteUnderTest, shape: Joining, rate_s: float) -> Run:
    old = {replica.id for replica in (await site.look()).replicas}
    limits = Limits(connections_max=2048, timeout_s=5.0)
    diary_file = diary_beside(site.handled_file)
    diary_file.touch()
    load = OpenLoop(Users(site.target, limits, name="n"), rate_s)
    try:
        await asyncio.sleep(STEADY_S)
        diary = Diary(diary_file)
        await site.must("scale", "web", str(OLD + 1), "--no-wait")
        newcomer = await _first_ready(diary, old)
        await _watch(diary, shape)
    finally:
        users = summarize(await load.stop())
    await site.must("scale", "web", str(OLD), "--no-wait")
    run = made_of(diary.look(), newcomer, shape.watched_s)
    kinds = ", ".join(f"{count} {kind}" for kind, count in users.failed_by_kind.items())
    return replace(run, failed=users.failed, failed_by_kind=kinds)


async def _watch(diary: Diary, shape: Joining) -> None:
    """To the end, or to the first crash: behind it comes only what a cold fleet does."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + shape.watched_s + AFTER_RAMP_S + STEADY_S
    while loop.time() < until_s:
        await asyncio.sleep(POLL_S)
        if shape.crash_above and any(entry.what == "crash" for entry in diary.look()):
            return


async def _first_ready(diary: Diary, old: AbstractSet[str]) -> str:
    for _ in range(round(READY_S_MAX / POLL_S)):
        for entry in diary.look():
            if entry.what == "ready" and entry.replica not in old:
                return entry.replica
        await asyncio.sleep(POLL_S)
    raise TimeoutError(f"no newcomer became ready in {READY_S_MAX:g} s")


def told(run: Run) -> str:
    seconds = [run.shares[n : n + 10] for n in range(0, len(run.shares), 10)]
    means = " ".join(f"{sum(s) / len(s):.2f}" for s in seconds)
    return (
        f"share by seconds {means}, worst window {max(run.shares):.2f}, after {run.after:.2f}; "
        f"crashes {run.crashes}, of old ones {run.old_crashes}; {run.arrivals_per_s:.0f}/s, "
        f"{run.failed} failed {run.failed_by_kind}"
    )


def gentle(runs: Sequence[Run]) -> Finding:
    worst, window = worst_window(runs)
    after = min(run.after for run in runs)
    figures: dict[str, Figure] = {
        "runs": len(runs),
        "requests/s": min(run.arrivals_per_s for run in runs),
        "worst window, p95 of runs, x fair": round(worst, 2),
        "that window begins after s": round(window * WINDOW_S, 1),
        "highest window of any run, x fair": round(max(max(r.shares) for r in runs), 2),
        "2 s after the ramp, lowest run, x fair": round(after, 2),
        **{
            f"first {s:g} s, median of runs, x fair": round(median_share(runs, s), 2)
            for s in (0.1, 1.0)
        },
    }
    kept = worst <= SHARE_MAX and after >= SHARE_AFTER_MIN
    return Finding("newcomer, share", PROMISE_SHARE, kept, figures)


def median_share(runs: Sequence[Run], first_s: float) -> float:
    """Over this much of the ramp's beginning."""
    count = round(first_s / WINDOW_S)
    return median(sum(run.shares[:count]) / count for run in runs)


def unbroken(held: Sequence[Run], plain: Sequence[Run]) -> Finding:
    crashed, broken = (sum(run.crashes > 0 for run in runs) for runs in (held, plain))
    figures: dict[str, Figure] = {
        "runs of each": len(held),
        "requests/s": min(run.arrivals_per_s for run in (*held, *plain)),
        "runs with a crash of the newcomer": crashed,
        "the same, plain least-request": broken,
        "crashes of old ones": sum(run.old_crashes for run in held),
        "failed requests": sum(run.failed for run in held),
        "failed requests, plain (up to the crash)": sum(run.failed for run in plain),
    }
    kept = crashed == 0 and 2 * broken > len(plain)
    return Finding("newcomer, crash limit", PROMISE_CRASH, kept, figures)


async def measure(runs: int, rate_s: float) -> list[Finding]:
    takes_ms = 1000 * LOAD * OLD * SLOTS / rate_s
    shape = Joining(replicas=OLD, slots=SLOTS, takes_ms=takes_ms)
    fragile = replace(shape, slow_start="10s", crash_above=CRASH_ABOVE, cold_s=COLD_S)
    found = []
    for title, one in (
        ("healthy newcomers", shape),
        ("fragile newcomers", replace(fragile, in_flight=CRASH_ABOVE)),
        ("fragile newcomers, plain", replace(fragile, slow_start="0s", in_flight=UNCAPPED)),
    ):
        print(f"{title}, {rate_s:g} requests/s …", file=sys.stderr, flush=True)
        found.append(await runs_of(one, rate_s, runs))
    healthy, held, plain = found
    return [gentle(healthy), unbroken(held, plain)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20, help="newcomers of each kind")
    parser.add_argument("--rate", type=float, default=1000.0, help="requests per second")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    said = parser.parse_args()
    about = machine()
    findings = asyncio.run(measure(said.runs, said.rate))
    for finding in findings:
        print(described(finding), flush=True)
    print(f"written to {write(findings, said.out, about)}")
    return 0 if all(f.kept for f in findings) and not LEFT_BEHIND else 1


if __name__ == "__main__":
    sys.exit(main())
