"""The real Envoy before small real servers, for the contract of traffic. Loopback only.

`World` starts both and ends them, whatever the test does; `Load` asks for as long as a test
acts, and remembers every answer.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headway.model.desired import Arrow, Desired
from headway.model.ids import ServiceName
from headway.model.rotation import Share
from headway.model.site import Entry
from headway.testing.builders import desired, seen, wish
from headway.traffic.bootstrap import Limits
from headway.traffic.io.admin import Admin
from headway.traffic.io.envoy import Envoy, find_envoy
from headway.traffic.io.files import RETIRED_KEPT_S, FileTraffic

HERE = Path(__file__).parent
WORKERS = 2
LIMITS = Limits(connections=10_000, heap_bytes=1 << 30)
ANSWER_S_MAX = 20.0
POLL_S = 0.002
RESTART_AFTER_S = 0.05


class SmallKeeper:
    """Satisfies `Keeper`: restarts what it keeps."""

    def __init__(self) -> None:
        self.kept: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def keep(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], directory: Path
    ) -> None:
        if name not in self._tasks:
            first = await self._spawn(name, argv, env, directory)
            rerun = self._restart(first, name, argv, env, directory)
            self._tasks[name] = asyncio.create_task(rerun)

    async def unkeep(self, name: str, grace_s: float) -> None:
        task = self._tasks.pop(name, None)
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        process = self.kept.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(grace_s):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _spawn(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], directory: Path
    ) -> asyncio.subprocess.Process:
        with (directory / f"{name}.log").open("ab") as log:
            self.kept[name] = process = await asyncio.create_subprocess_exec(
                *argv, env=dict(env), cwd=directory, stdout=log, stderr=log
            )
        return process

    async def _restart(
        self,
        process: asyncio.subprocess.Process,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        directory: Path,
    ) -> None:
        while True:
            await process.wait()
            await asyncio.sleep(RESTART_AFTER_S)
            process = await self._spawn(name, argv, env, directory)


@dataclass
class Answer:
    status: int  # 0: the connection failed
    replica: str
    began_s: float
    took_s: float
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, path: str = "/", method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                status, said, text = await self._exchange(path, method, headers or {})
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            return Answer(0, repr(error), began_s, time.monotonic() - began_s)
        if said.get("connection") == "close":
            self.close()
        took_s = time.monotonic() - began_s
        return Answer(status, said.get("replica", ""), began_s, took_s, said, text)

    async def _exchange(
        self, path: str, method: str, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], str]:
        if self._open is None:
            self._open = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._open
        lines = [f"{method} {path} HTTP/1.1", "host: test"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        if method in ("POST", "PUT"):
            lines.append("content-length: 0")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in head[1:] if line)
        said = {key.lower(): value for key, _, value in pairs}
        body = await reader.readexactly(int(said.get("content-length", 0)))
        return int(head[0].split(" ")[1]), said, body.decode()

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
        self._open = None


@dataclass
class Load:
    """Answers so far, of clients that ask again as soon as they were answered."""

    answers: list[Answer] = field(default_factory=list)

    def statuses(self) -> Counter[int]:
        return Counter(a.status for a in self.answers)

    def replicas(self, since_s: float = 0.0) -> Counter[str]:
        return Counter(a.replica for a in self.answers if a.began_s >= since_s)

    def last_began_s(self, replica: str) -> float:
        return max(a.began_s for a in self.answers if a.replica == replica)

    async def until(self, more: int) -> None:
        """Let this many more requests be answered."""
        goal = len(self.answers) + more
        await eventually(lambda: len(self.answers) >= goal)


@contextlib.asynccontextmanager
async def load(
    port: int, clients: int = 4, path: str = "/", *, method: str = "GET", reconnect: bool = False
) -> AsyncIterator[Load]:
    running = Load()

    async def keep_asking(number: int) -> None:
        client = Client(port)
        count = 0
        try:
            while True:
                count += 1
                answer = await client.ask(path, method, {"id": f"{number}-{count}"})
                running.answers.append(answer)
                if reconnect:
                    client.close()
        finally:
            client.close()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(keep_asking(number)) for number in range(clients)]
        try:
            yield running
        finally:
            for task in tasks:
                task.cancel()


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], limit_s: float = 10.0
) -> None:
    end_s = time.monotonic() + limit_s
    while True:
        now = condition()
        if now if isinstance(now, bool) else await now:
            return
        assert time.monotonic() < end_s, f"still not so after {limit_s} s"
        await asyncio.sleep(POLL_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def established(port: int) -> int:
    """Open connections to this port on loopback, without those that are only remembered."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    wanted = f"0100007F:{port:04X}"
    return sum(line.split()[2] == wanted and line.split()[3] == "01" for line in lines)


class World:
    """One environment: Envoy, its files, and backends named `web-0`, `web-1`, …"""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.entry_port = free_port()
        self.keeper = SmallKeeper()
        self.envoy = self.new_envoy()
        self.traffic = self.new_traffic()
        self.backends: dict[str, asyncio.subprocess.Process] = {}
        self.ports: dict[str, int] = {}
        self.web = wish("web", 1)
        self.script = "small_backend.py"  # what each backend runs: `SCRIPT NAME PORT`
        self.entry_timeout_s = 15.0
        self.budget_s: float | None = 0.2
        self.arrows: tuple[Arrow, ...] = ()

    def new_envoy(self, node: str = "test") -> Envoy:
        return Envoy(
            node=node,
            directory=self.directory,
            binary=find_envoy(),
            keeper=self.keeper,
            workers=WORKERS,
            limits=LIMITS,
            live_within_s=20.0,
        )

    def new_traffic(self, retired_kept_s: float = RETIRED_KEPT_S) -> FileTraffic:
        return FileTraffic(
            directory=self.directory,
            binary=find_envoy(),
            admins=self._admins,
            entry_address="127.0.0.1",
            workers=WORKERS,
            retired_kept_s=retired_kept_s,
        )

    def _admins(self) -> tuple[Admin, ...]:
        return self.envoy.admins()  # asked late: a test may put another Envoy in its place

    async def backend(self, *names: str) -> None:
        for name in names:
            port = self.ports[name] = free_port()
            script = (sys.executable, str(HERE / self.script), name, str(port))
            self.backends[name] = process = await asyncio.create_subprocess_exec(
                *script, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            assert await process.stdout.readline() == b"listening\n"

    def wanted(self) -> Desired:
        return replace(
            desired(self.web),
            entry=Entry(ServiceName("web"), self.entry_port, self.entry_timeout_s),
            latency_budget_s=self.budget_s,
            arrows=self.arrows,
        )

    def rotation(self, *names: str) -> list[Share]:
        ready = [seen(name) for name in names]
        return [Share(replace(r, process=replace(r.process, port=self.ports[r.id]))) for r in ready]

    def count(self, replicas: int) -> None:
        """How many replicas of `web` are wanted; the next publication tells."""
        self.web = replace(self.web, count=replicas)

    def describe(self, **changes: Any) -> None:
        """Change the description of `web`; the next publication makes it so."""
        self.web = replace(self.web, service=replace(self.web.service, **changes))

    async def publish(self, *names: str) -> None:
        await self.share(self.rotation(*names))

    async def share(self, shares: Sequence[Share]) -> None:
        await self.traffic.publish(self.wanted(), shares)

    async def taken(self) -> bool:
        """Envoy runs exactly what was published."""
        return await self.traffic.confirm() == []

    async def serve(self, *names: str) -> None:
        """Backends, Envoy, and every backend in traffic and passing its checks."""
        await self.backend(*names)
        await self.publish(*names)
        await self.envoy.ensure()
        await eventually(lambda: self.healthy(*names))

    async def healthy(self, *names: str) -> bool:
        hosts = await self.envoy.serving.hosts()
        return {h.replica for h in hosts if h.passes_checks} == set(names)

    async def ask(
        self, path: str = "/", method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        client = Client(self.entry_port)
        try:
            return await client.ask(path, method, headers)
        finally:
            client.close()

    async def tell(self, name: str, path: str) -> str:
        """Past Envoy, to one backend."""
        client = Client(self.ports[name])
        try:
            return (await client.ask(path)).text
        finally:
            client.close()

    async def requests_read(self) -> list[str]:
        read: list[str] = []
        for name, process in self.backends.items():
            if process.returncode is None:
                read += json.loads(await self.tell(name, "/seen"))
        return read

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.backends[name].pid, number)

    def envoy_said(self) -> str:
        logs = sorted(self.directory.glob("envoy-*.log"))
        return "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in logs)

    async def close(self) -> None:
        await self.traffic.close()
        for name in list(self.keeper.kept):
            await self.keeper.unkeep(name, 2.0)
        for process in self.backends.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


@contextlib.asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    made = World(directory)
    try:
        yield made
    except Exception as error:
        error.add_note(made.envoy_said())
        raise
    finally:
        await made.close()


Story = Callable[[World], Awaitable[None]]


def run(folder: Path, story: Story) -> None:
    """Let it happen in a world of its own."""

    async def tell() -> None:
        async with world(folder) as made:
            await story(made)

    asyncio.run(tell())
