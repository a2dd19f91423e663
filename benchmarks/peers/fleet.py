"""The backends behind HAProxy and nginx, which do not run any themselves.

Somebody has to restart the dead there; it is this harness, at once and on the same port, as a
supervisor of the system's would do without its usual pause. That is in the peers' favour.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from benchmarks.ask import ask
from benchmarks.peers.peer import Member
from benchmarks.peers.process import PORTS, end, spawn, until
from benchmarks.site_under_test import BACKEND, Description

START_S_MAX = 20.0
DRAIN_S = 5.0


class Fleet:
    def __init__(self, folder: Path, shape: Description) -> None:
        self.handled_file = folder / "handled"
        self._folder = folder
        self._shape = shape
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._ports: dict[str, int] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}

    def name(self, number: int) -> str:
        return f"web-{number}"

    def port(self, name: str) -> int:
        """The same for every life."""
        if name not in self._ports:
            self._ports[name] = PORTS.take()
        return self._ports[name]

    def members(self) -> tuple[Member, ...]:
        return tuple(
            Member(name, process.pid, self._ports[name])
            for name, process in sorted(self._processes.items())
        )

    async def start(self, name: str) -> None:
        """Until it is healthy; from then on it is restarted whenever it dies."""
        await self._spawn(name)
        self._keeping[name] = asyncio.create_task(self._keep(name))
        await until(lambda: self._is_healthy(name), limit_s=START_S_MAX, what=f"no {name}")

    async def stop(self, name: str) -> None:
        """As asked for: SIGTERM, and time to end what is in flight."""
        keeping = self._keeping.pop(name)
        keeping.cancel()
        await asyncio.wait([keeping])
        await end(self._processes.pop(name), grace_s=DRAIN_S)

    async def _spawn(self, name: str) -> None:
        self._processes[name] = await spawn(
            sys.executable,
            BACKEND,
            *self._shape.backend_arguments(self.handled_file),
            log=self._folder / f"{name}.log",
            env={"PORT": str(self.port(name)), "HW_REPLICA": name},
        )

    async def _keep(self, name: str) -> None:
        while True:
            await self._processes[name].wait()
            await self._spawn(name)

    async def _is_healthy(self, name: str) -> bool:
        with suppress(OSError, TimeoutError):
            return await ask(self.port(name), "/healthz") == "OK"
        return False


@asynccontextmanager
async def fleet(folder: Path, shape: Description) -> AsyncIterator[Fleet]:
    running = Fleet(folder, shape)
    try:
        names = [running.name(number) for number in range(shape.replicas)]
        await asyncio.gather(*(running.start(name) for name in names))
        yield running
    finally:
        await asyncio.gather(*(running.stop(m.name) for m in running.members()))
