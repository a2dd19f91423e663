"""Headway's own health check: 25 times a second while something is unclear, else once a second.

Reports only what changed. Each replica has a task of its own, so that a slow one delays nobody.
"""

import asyncio
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from headway.engine.answer import ANSWER_BYTES_MAX, Heard, listen
from headway.model.observed import Probe
from headway.model.site import Expect, Health

TIMEOUT_S_MIN = 0.250  # our own loop can be late where Envoy is not
LATE_S = 0.1  # a timeout that came this much too late says more about us than about the replica
LATE_TRIES_MAX = 3
PROBES_PER_S_MAX = 1000  # of one engine: hundreds of replicas that start are asked less often
LOOPBACKS = ("127.0.0.1", "::1")
FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


@dataclass(frozen=True, slots=True)
class ProbeRates:
    unclear_every_s: float  # never healthy yet, or changed or failed a moment ago
    clear_every_s: float
    unclear_for_s: float  # how long after a change or a failure


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    incarnation: int
    port: int
    health: Health


class Prober:
    def __init__(
        self,
        rates: ProbeRates,
        *,
        now: Callable[[], datetime],
        heard: Callable[[Target, Probe, str], None],
    ) -> None:
        self._rates = rates
        self._now = now
        self._heard = heard  # the target, what changed, and the address that answered
        self._tasks: dict[Target, asyncio.Task[None]] = {}

    def aim(self, targets: Mapping[Target, Probe | None]) -> None:
        """Probe exactly these; with what is known of them already."""
        for target in self._tasks.keys() - targets.keys():
            self._tasks.pop(target).cancel()
        for target in targets.keys() - self._tasks.keys():
            watching = self._watch(target, targets[target])
            self._tasks[target] = asyncio.get_running_loop().create_task(watching)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self.aim({})
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, target: Target, known: Probe | None) -> None:
        loop = asyncio.get_running_loop()
        probe = known
        address = LOOPBACKS[0]
        unclear_until_s = loop.time() + self._rates.unclear_for_s
        while True:
            begun_s = loop.time()
            heard, address = await _ask_anywhere(target, address)
            before, probe = probe, self._fold(probe, heard, _asked(target, address))
            if before is None or probe.since != before.since or probe.answer != before.answer:
                self._heard(target, probe, address)
            if not heard.ok or (before is not None and probe.since != before.since):
                unclear_until_s = loop.time() + self._rates.unclear_for_s
            is_unclear = probe.first_ok_at is None or begun_s < unclear_until_s
            await asyncio.sleep(self._pause_s(begun_s, loop.time(), is_unclear=is_unclear))

    def _fold(self, before: Probe | None, heard: Heard, asked: str) -> Probe:
        now = self._now()
        if before is None:
            first_ok_at = now if heard.ok else None
            return Probe(now, heard.ok, asked, heard.answer, now, 1, first_ok_at)
        changed = heard.ok != before.ok
        is_back = changed and heard.ok and before.first_ok_at is not None
        return replace(
            before,
            at=now,
            ok=heard.ok,
            asked=asked,
            answer=heard.answer,
            since=now if changed else before.since,
            tries=1 if changed else before.tries + 1,
            first_ok_at=before.first_ok_at or (now if heard.ok else None),
            away_s=(now - before.since).total_seconds() if is_back else before.away_s,
        )

    def _pause_s(self, begun_s: float, now_s: float, *, is_unclear: bool) -> float:
        fair_s = len(self._tasks) / PROBES_PER_S_MAX
        if is_unclear:
            every_s = max(self._rates.unclear_every_s, fair_s)
            return max(0.001, begun_s + every_s - now_s)
        # Jitter: a hundred replicas started together are not asked together for ever.
        every_s = max(self._rates.clear_every_s, fair_s)
        return every_s * random.uniform(0.8, 1.2)  # noqa: S311


async def _ask_anywhere(target: Target, address: str) -> tuple[Heard, str]:
    """Where it answered last, else at the other loopback address."""
    heard = await _ask_patiently(target, address)
    if heard.answer != "connection refused":
        return heard, address
    other = LOOPBACKS[1 - LOOPBACKS.index(address)]
    elsewhere = await _ask_patiently(target, other)
    if elsewhere.answer in ("connection refused", "no such address"):
        return heard, address
    return elsewhere, other


async def _ask_patiently(target: Target, address: str) -> Heard:
    """An answer that our own lateness cut off is asked for again."""
    loop = asyncio.get_running_loop()
    timeout_s = max(TIMEOUT_S_MIN, target.health.timeout_s)
    for _ in range(LATE_TRIES_MAX):
        begun_s = loop.time()
        try:
            async with asyncio.timeout(timeout_s):
                return await _ask(target, address)
        except TimeoutError:
            if loop.time() - begun_s < timeout_s + LATE_S:
                break
        except OSError as error:
            return Heard(False, _plain(error))
    return Heard(False, f"no answer in {timeout_s * 1000:.0f} ms")


async def _ask(target: Target, address: str) -> Heard:
    loop = asyncio.get_running_loop()
    with socket.socket(FAMILIES[address], socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        await loop.sock_connect(sock, (address, target.port))
        if target.health.expect is Expect.CONNECT:
            return Heard(True, "connected")
        await loop.sock_sendall(sock, _request(target))
        data = b""
        while True:
            part = await loop.sock_recv(sock, 4096)
            data += part
            ended = not part or len(data) >= ANSWER_BYTES_MAX
            heard = listen(target.health.expect, data, ended=ended)
            if heard is not None:
                return heard


def _request(target: Target) -> bytes:
    return (
        f"GET {target.health.path} HTTP/1.1\r\nHost: localhost:{target.port}\r\n"
        "User-Agent: headway\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ).encode()


def _asked(target: Target, address: str) -> str:
    place = f"[{address}]:{target.port}" if ":" in address else f"{address}:{target.port}"
    if target.health.expect is Expect.CONNECT:
        return f"connect to {place}"
    return f"GET http://{place}{target.health.path}"


def _plain(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "connection reset"
    if error.errno == 99 or error.errno == 97:  # no IPv6 on this machine  # noqa: PLR1714
        return "no such address"
    return error.strerror or type(error).__name__
