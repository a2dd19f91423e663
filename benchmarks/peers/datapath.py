"""What one request costs on its way through: Headway's own Envoy, a bare one, HAProxy and nginx.

All four stand before the very same three replicas of a running site, and all four run all the time;
one after the other is loaded. The backend is a small C server and the generator is wrk, so that
neither is what limits. Processor time is the proxy's alone, of all its threads and workers.

All four are in the control group of Headway's Envoy. A process in a group of its own is scheduled
otherwise than one beside the load generator: it gets the processor sooner, finds less to do each
time, and so uses more of it for each request (measured: 1.34 instead of 1.12 times the bare Envoy).
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from benchmarks.peers import envoy_plain, haproxy, nginx
from benchmarks.peers.binaries import find
from benchmarks.peers.compare import in_turns, median_or_none, ratio
from benchmarks.peers.proc import cpu_s, share_processors
from benchmarks.peers.process import PORTS, folder
from benchmarks.peers.scenario import Options
from benchmarks.peers.table import Table
from benchmarks.peers.wrk import Answered, wrk
from benchmarks.report import Figure
from benchmarks.site_under_test import Description, SiteUnderTest, running

HEADWAY, BARE = "Headway's Envoy", "Envoy, router only"
REPLICAS = 3
CONNECTIONS = 32
LOADED_S, WARM_UP_S = 2, 1  # wrk takes whole seconds
MAXCONN = 256  # Headway's default cap per replica
TIMES_BARE_MAX = 1.15
BACKEND = Path(__file__).with_name("fast_backend.py")


@dataclass(frozen=True, slots=True)
class Proxy:
    port: int
    pids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Round:
    cpu_us: float | None  # per request
    answered: Answered


async def datapath(options: Options) -> Table:
    found: dict[str, list[Round]] = defaultdict(list)
    with folder() as place:
        async with _proxies(place) as proxies:
            for name, proxy in proxies.items():
                await _once(proxy, place, WARM_UP_S)
                assert proxy.pids, f"{name} has no process"
            for _, name in in_turns([*proxies], options.rounds):
                found[name].append(await _once(proxies[name], place, LOADED_S))
    times = ratio([r.cpu_us for r in found[HEADWAY]], [r.cpu_us for r in found[BARE]])
    return Table(
        "datapath",
        f"One request through the proxy: wrk with {CONNECTIONS} connections, median of "
        f"{options.rounds} rounds",
        {name: _row(rounds, found[BARE]) for name, rounds in found.items()},
        (
            (
                "wrk, the proxy and the backends share this machine's processors: the latencies "
                "say how the proxies compare under saturation, not what a user would wait."
            ),
        ),
        promise=f"processor time per request <= {TIMES_BARE_MAX:g} x the bare Envoy's",
        kept=None if times is None else times <= TIMES_BARE_MAX,
    )


@asynccontextmanager
async def _proxies(place: Path) -> AsyncIterator[Mapping[str, Proxy]]:
    site_of = _FastSite(replicas=REPLICAS, in_flight=MAXCONN)
    async with running(site_of) as site, AsyncExitStack() as stack:
        await site.settled()
        seen = await site.look()
        backends = [replica.port for replica in seen.ready if replica.port is not None]
        assert seen.envoy_pid is not None, "a settled site has an Envoy"
        workers = await _workers(site, seen.envoy_generation)
        found = {HEADWAY: Proxy(site.target.port, [seen.envoy_pid])}
        port = PORTS.take()
        bare = envoy_plain.process(place, port=port, backends=backends, workers=workers)
        found[BARE] = Proxy(port, [await stack.enter_async_context(bare)])
        found["HAProxy"] = await _haproxy(stack, place, backends, workers)
        found["nginx"] = await _nginx(stack, place, backends, workers)
        for proxy in found.values():
            share_processors(proxy.pids, like=seen.envoy_pid)
        yield found


async def _haproxy(
    stack: AsyncExitStack, place: Path, backends: Sequence[int], workers: int
) -> Proxy:
    port, file = PORTS.take(), place / "haproxy.cfg"
    servers = {f"web-{number}": at for number, at in enumerate(backends)}
    admin = place / "haproxy.sock"
    text = haproxy.config(
        port=port, servers=servers, maxconn=MAXCONN, socket=admin, threads=workers
    )
    file.write_text(text, encoding="utf-8")
    return Proxy(port, [await stack.enter_async_context(haproxy.process(file, port))])


async def _nginx(
    stack: AsyncExitStack, place: Path, backends: Sequence[int], workers: int
) -> Proxy:
    port, file = PORTS.take(), place / "nginx.conf"
    text = nginx.config(
        folder=place, port=port, backends=backends, max_conns=MAXCONN, workers=workers
    )
    file.write_text(text, encoding="utf-8")
    pid = await stack.enter_async_context(nginx.process(file, port))
    return Proxy(port, [pid, *(child.pid for child in psutil.Process(pid).children())])


async def _workers(site: SiteUnderTest, generation: int) -> int:
    told = await site.envoy(generation).stats("^server%5C.concurrency$")
    return int(told["server.concurrency"])


class _FastSite(Description):
    """The same site with a backend that is hardly there."""

    def command(self, handled_ids: Path) -> Sequence[str]:
        return (str(BACKEND), str(find("nginx")), str(handled_ids.parent))


async def _once(proxy: Proxy, place: Path, duration_s: int) -> Round:
    before_s = cpu_s(proxy.pids)
    answered = await wrk(
        proxy.port, connections=CONNECTIONS, duration_s=duration_s, log=place / "wrk.log"
    )
    used_s = cpu_s(proxy.pids) - before_s
    return Round(1e6 * used_s / answered.requests if answered.requests else None, answered)


def _row(rounds: Sequence[Round], bare: Sequence[Round]) -> dict[str, Figure]:
    cpu_us = [r.cpu_us for r in rounds]
    p99_ms = [r.answered.p99_ms for r in rounds]
    return {
        "processor time per request, µs": median_or_none(cpu_us),
        "x bare Envoy": ratio(cpu_us, [r.cpu_us for r in bare]),
        "requests/s": median_or_none([r.answered.per_s for r in rounds]),
        "p50, ms": median_or_none([r.answered.p50_ms for r in rounds]),
        "p99, ms": median_or_none(p99_ms),
        "p99 x bare Envoy": ratio(p99_ms, [r.answered.p99_ms for r in bare]),
        "bad answers": sum(r.answered.bad for r in rounds),
    }
