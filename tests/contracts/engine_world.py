"""Worlds for the contract of the engine: the local one with real processes, and its twin.

A test says what a replica is like (`Kind`), acts through the port, and waits for what it expects
to see. Whatever happens, a world ends all it started and then looks for leaks.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import blake2s
from pathlib import Path
from random import Random
from typing import Protocol

from headway.engine.io import procfs
from headway.engine.io.blocks import BLOCK_PORTS, choose_block
from headway.engine.io.listeners import listening_ports
from headway.engine.io.local import LocalEngine
from headway.engine.io.probe import ProbeRates
from headway.engine.io.wire import SOCKET_NAME
from headway.loop.clock import SteadyClock
from headway.loop.ports import Engine
from headway.model.errors import EngineError, SecretError
from headway.model.host import Host
from headway.model.ids import (
    EnvironmentId,
    EnvironmentName,
    HostName,
    ReleaseId,
    ReplicaId,
    ServiceName,
    SiteName,
)
from headway.model.observed import Process
from headway.model.plan import Drain, Forget, Outcome, Start, Stop
from headway.model.release import Launch
from headway.model.site import Health
from headway.testing.engine import Behaviour, SimulatedEngine

ENVIRONMENT = EnvironmentId(SiteName("contract"), EnvironmentName("test"))
WEB = ServiceName("web")
HOST = Host(HostName("here"), "here", "127.0.0.1", 2.0, 1 << 30, 2.0)
RATES = ProbeRates(unclear_every_s=0.04, clear_every_s=1.0, unclear_for_s=3.0)
WAIT_S_MAX = 15.0
BLOCK_TRIES_MAX = 10
BIN = Path(sys.executable).parent


class Kind(Enum):
    """What a replica is like."""

    SERVES = "answers OK and ends when told to"
    EXITS_0 = "ends at once with status 0"
    EXITS_3 = "ends at once with status 3"
    STUBBORN = "answers OK and does not end when told to"


SERVER = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"OK")
    def log_message(self, *_): pass
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.ThreadingHTTPServer((HOST, int(os.environ["PORT"])), Handler).serve_forever()
"""


def python(code: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-E", "-c", code, *words)


def server(*words: str, host: str = "127.0.0.1") -> tuple[str, ...]:
    return python(SERVER.replace("HOST", repr(host), 1), *words)


COMMANDS = {
    Kind.SERVES: server(),
    Kind.STUBBORN: server("stubborn"),
    Kind.EXITS_0: ("true",),
    Kind.EXITS_3: ("sh", "-c", "exit 3"),
}
BEHAVIOURS = {
    Kind.SERVES: Behaviour(),
    Kind.STUBBORN: Behaviour(ends_after_s=3600.0),
    Kind.EXITS_0: Behaviour(exits_after_s=0.01, exit_status=0),
    Kind.EXITS_3: Behaviour(exits_after_s=0.01, exit_status=3),
}


class EngineWorld(Protocol):
    @property
    def engine(self) -> Engine: ...

    def launch(self, kind: Kind) -> Launch: ...

    async def kill(self, replica: str) -> None:
        """Behind the engine's back."""
        ...

    async def pause(self) -> None:
        """Let the world go on for a moment."""
        ...


class LocalWorld:
    def __init__(self, directory: Path, *, public_listen_allowed: bool = False) -> None:
        self.directory = directory
        self.ports = _block()
        self.secrets = {"token": "planted-secret"}
        self._public_listen_allowed = public_listen_allowed
        self.engine = self.new_engine(epoch=1)

    async def begin(self) -> None:
        """In another block when somebody was faster in this one."""
        for _ in range(BLOCK_TRIES_MAX):
            try:
                return await self.engine.start()
            except EngineError as error:
                if "is taken" not in str(error):
                    raise
            self.ports = _block()
            self.engine = self.new_engine(epoch=1)
        raise EngineError("no free block of ports")

    def new_engine(self, *, epoch: int) -> LocalEngine:
        """As a daemon makes it that comes after."""
        engine = LocalEngine(
            ENVIRONMENT,
            directory=self.directory,
            ports=self.ports,
            host=HOST,
            epoch=epoch,
            secrets=self._secret,
            clock=SteadyClock(time.time, time.monotonic),
            rates=RATES,
            public_listen_allowed=self._public_listen_allowed,
            guard=None,
        )
        engine.set_health({WEB: Health(timeout_s=1.0)})
        return engine

    def _secret(self, name: str) -> str:
        if name not in self.secrets:
            raise SecretError(f"there is no secret `{name}`")
        return self.secrets[name]

    def launch(self, kind: Kind) -> Launch:
        return self.command(*COMMANDS[kind])

    def command(self, *argv: str, env: dict[str, str] | None = None) -> Launch:
        return Launch(argv, tuple((env or {}).items()), str(self.directory))

    async def kill(self, replica: str) -> None:
        process = await seen(self, replica)
        os.kill(process.pid, signal.SIGKILL)

    async def pause(self) -> None:
        """Until the engine says that something changed; a look costs nothing."""
        try:
            async with asyncio.timeout(0.05):
                await self.engine.changed.wait()
        except TimeoutError:
            return
        self.engine.changed.clear()

    @property
    def marker_prefix(self) -> str:
        digest = blake2s(os.fsencode(self.directory.resolve()), digest_size=6)
        return digest.hexdigest()

    async def end(self) -> None:
        """Everything, gently or not; in the name of the last daemon of all."""
        try:
            await self.engine.perform(Forget(WEB, ReplicaId("nobody"), 1), EPOCH_MAX)
            for process in await everything(self):
                stop = Stop(process.service, process.replica, process.incarnation, 0.0, "the end")
                await self.engine.perform(stop, EPOCH_MAX)
            await until(self, lambda found: all(p.exit for p in found))
            await self.engine.retire()
        finally:
            self._look_for_leaks()

    def _look_for_leaks(self) -> None:
        if (self.directory / SOCKET_NAME).exists():
            with suppress(ProcessLookupError):
                os.kill(self.engine.keeper_pid, signal.SIGKILL)
        left = procfs.marked(self.marker_prefix)
        for pid in (pid for pids in left.values() for pid in pids):
            os.kill(pid, signal.SIGKILL)
        assert not left, f"processes were left: {left}"
        groups = [str(p) for p in Path("/sys/fs/cgroup").glob(f"*/headway-*{self.marker_prefix}")]
        assert not groups, f"control groups were left: {groups}"
        busy = listening_ports() & set(self.ports)
        assert not busy, f"ports are still listened on: {busy}"


EPOCH_MAX = 1 << 40


class TwinWorld:
    def __init__(self) -> None:
        self._clock = _HandClock()
        self._kinds: dict[Launch, Kind] = {}
        self.engine = SimulatedEngine(self._clock, (HOST,), self._behave, Random(7))

    def launch(self, kind: Kind) -> Launch:
        made = Launch((kind.name,), (), "/")
        self._kinds[made] = kind
        return made

    async def kill(self, replica: str) -> None:
        self.engine.kill(ReplicaId(replica))

    async def pause(self) -> None:
        self._clock.time += timedelta(seconds=0.05)
        self.engine.pass_time()

    def _behave(self, start: Start) -> Behaviour:
        return BEHAVIOURS[self._kinds[start.launch]]


class _HandClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@asynccontextmanager
async def local_world(
    directory: Path, *, public_listen_allowed: bool = False
) -> AsyncIterator[LocalWorld]:
    world = LocalWorld(directory, public_listen_allowed=public_listen_allowed)
    await world.begin()
    try:
        yield world
    finally:
        await world.end()


@asynccontextmanager
async def twin_world() -> AsyncIterator[TwinWorld]:
    yield TwinWorld()


async def eventually(condition: Callable[[], object], limit_s: float = WAIT_S_MAX) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, f"still not so after {limit_s} s"
        await asyncio.sleep(0.005)


async def everything(world: EngineWorld) -> tuple[Process, ...]:
    seen_ = await world.engine.observe()
    return tuple(p for processes in seen_.processes.values() for p in processes)


async def seen(world: EngineWorld, replica: str) -> Process:
    return next(p for p in await everything(world) if p.replica == replica)


async def until(
    world: EngineWorld, condition: Callable[[tuple[Process, ...]], object]
) -> tuple[Process, ...]:
    """What is seen once the condition holds."""
    limit_s = time.monotonic() + WAIT_S_MAX
    while not condition(found := await everything(world)):
        assert time.monotonic() < limit_s, f"still not so after {WAIT_S_MAX} s: {found}"
        await world.pause()
    return found


async def ended(world: EngineWorld, replica: str) -> Process:
    await until(world, lambda found: any(p.replica == replica and p.exit for p in found))
    return await seen(world, replica)


async def healthy(world: EngineWorld, replica: str) -> Process:
    await until(
        world, lambda found: any(p.replica == replica and p.probe and p.probe.ok for p in found)
    )
    return await seen(world, replica)


async def start(
    world: EngineWorld,
    replica: str,
    launch: Launch,
    *,
    incarnation: int = 1,
    epoch: int = 1,
    host: HostName = HOST.name,
) -> Outcome:
    action = Start(
        service=WEB,
        replica=ReplicaId(replica),
        incarnation=incarnation,
        release=ReleaseId("r1"),
        host=host,
        attempt=0,
        reason="the test wants it",
        launch=launch,
    )
    return await world.engine.perform(action, epoch)


async def stop(
    world: EngineWorld, replica: str, *, grace_s: float = 5.0, incarnation: int = 1
) -> Outcome:
    action = Stop(WEB, ReplicaId(replica), incarnation, grace_s, "the test wants it")
    return await world.engine.perform(action, 1)


async def drain(world: EngineWorld, replica: str, *, incarnation: int = 1) -> Outcome:
    action = Drain(WEB, ReplicaId(replica), incarnation, "the test wants it")
    return await world.engine.perform(action, 1)


async def forget(world: EngineWorld, replica: str, *, incarnation: int = 1) -> Outcome:
    return await world.engine.perform(Forget(WEB, ReplicaId(replica), incarnation), 1)


def _block() -> range:
    """One of our own, whatever other tests do at the same time."""
    taken: set[int] = set()
    for _ in range(20):
        first = choose_block(f"{os.getpid()}-{time.monotonic_ns()}", taken)
        if not listening_ports() & set(range(first, first + BLOCK_PORTS)):
            return range(first, first + BLOCK_PORTS)
        taken.add(first)
    raise EngineError("no free block of ports")
