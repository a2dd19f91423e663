"""One site in a home of its own: brought up by the real command, and down again whatever happens.

    async with running(Description(replicas=4)) as site:
        load = site.load(rate_s=500)
        …break something…
        records = await load.stop()

Everything a scenario learns comes from outside: the command's exit codes, the status that the API
gives, the process table, and the ids that the backends wrote down.
"""

import asyncio
import os
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ask import ask
from benchmarks.load import Limits, OpenLoop, Target, Users

from headway.cli.client import Client, environment_path
from headway.cli.trouble import Trouble
from headway.traffic.io.admin import Admin

SITE = "bench"
BACKEND = Path(__file__).with_name("backend.py")
HEADWAY = Path(sys.executable).with_name("headway")
COMMAND_S_MAX = 120.0
DOWN_S_MAX = 40.0
LEAVING_S_MAX = 10.0
POLL_S = 0.02
LISTENING = "0A"  # in the kernel's tables
# What remains after `down --purge`: the past. It can still be asked for.
KEPT_FILES = {
    *("headwayd.log", "journal.db"),
    *("headway-monitor.log", "headway-monitor.lock", "samples"),
}

# What the sites of this run could not end by themselves; the report adds it to the scenario.
LEFT_BEHIND: list[str] = []


@dataclass(frozen=True, slots=True)
class Description:
    """What of the site a scenario may choose."""

    replicas: int = 4
    slots: int = 64
    takes_ms: float = 5.0
    in_flight: int = 256
    health_through_slots: bool = False
    drain: str = "5s"
    greeting: str = "hello"  # another value is another release

    def site_yaml(self, port: int, handled_ids: Path) -> str:
        run = shlex.join((sys.executable, *self.command(handled_ids)))
        return (
            f"headway: 1\nsite: {SITE}\nowner: bench\nlatency_budget: 200ms\n"
            f"entry: {{service: web, port: {port}}}\n"
            "services:\n  web:\n"
            f"    run: {run}\n"
            f"    replicas: {self.replicas}\n"
            f"    drain: {self.drain}\n"
            f"    overload: {{in_flight: {self.in_flight}}}\n"
            f"    env: {{GREETING: {self.greeting}}}\n"
        )

    def command(self, handled_ids: Path) -> Sequence[str]:
        """What Python runs as a replica."""
        return (str(BACKEND), *self.backend_arguments(handled_ids))

    def backend_arguments(self, handled_ids: Path) -> tuple[str, ...]:
        through = ("--health-through-slots",) if self.health_through_slots else ()
        capacity = ("--slots", str(self.slots), "--takes-ms", str(self.takes_ms))
        return (*capacity, "--handled-ids", str(handled_ids), *through)


@dataclass(frozen=True, slots=True)
class Replica:
    id: str
    phase: str
    pid: int | None
    port: int | None
    in_rotation: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """The status, as far as scenarios care."""

    settled: bool
    failed: bool
    desired_count: int
    replicas: tuple[Replica, ...]
    envoy_pid: int | None
    envoy_generation: int
    overrides: tuple[str, ...]

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> "Seen | None":
        """None before the first turn, when headwayd knows of no service yet."""
        web = next((s for s in status["services"] if s["name"] == "web"), None)
        if web is None:
            return None
        parts = ("id", "phase", "pid", "port", "in_rotation")
        return cls(
            settled=status["settled"],
            failed=status["failed"],
            desired_count=web["desired_count"],
            replicas=tuple(Replica(*(r[part] for part in parts)) for r in web["replicas"]),
            envoy_pid=status["envoy"]["pid"],
            envoy_generation=status["envoy"]["generation"],
            overrides=tuple(o["text"] for o in web["overrides"]),
        )

    @property
    def ready(self) -> tuple[Replica, ...]:
        return tuple(r for r in self.replicas if r.phase == "ready" and r.pid is not None)


@dataclass(frozen=True, slots=True)
class Ran:
    exit_code: int
    output: str
    took_s: float


class SiteUnderTest:
    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.target = Target("127.0.0.1", port)
        self.handled_file = home.parent / "handled"
        self.temporary = home.parent / "tmp"  # TMPDIR of everything that is started here
        self._client = Client(home)
        self._ports = {port}  # that were ever seen in use

    async def describe(self, description: Description) -> Ran:
        """Write the description and bring it up."""
        text = description.site_yaml(self.target.port, self.handled_file)
        file = self.home.parent / "site.yaml"
        file.write_text(text, encoding="utf-8")
        return await self.must("up", str(file))

    async def headway(self, *words: str, limit_s: float = COMMAND_S_MAX) -> Ran:
        """Run the command as a person would."""
        began_s = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            str(HEADWAY),
            *words,
            env=os.environ
            | {"HEADWAY_HOME": str(self.home), "NO_COLOR": "1", "TMPDIR": str(self.temporary)},
            cwd=self.home.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), limit_s)
        except TimeoutError:
            process.kill()
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()  # or it would go on beside the `down` that follows
            await process.wait()
            raise
        code = process.returncode if process.returncode is not None else -1
        return Ran(code, output.decode(errors="replace"), time.monotonic() - began_s)

    async def must(self, *words: str) -> Ran:
        ran = await self.headway(*words)
        if ran.exit_code != 0:
            raise RuntimeError(f"headway {' '.join(words)}: exit {ran.exit_code}\n{ran.output}")
        return ran

    async def seen(self) -> Seen | None:
        """None while headwayd cannot be reached."""
        path = environment_path(SITE, "production")
        try:
            seen = Seen.of(await asyncio.to_thread(self._client.get, path))
        except Trouble:
            return None
        if seen is not None:
            self._ports |= {r.port for r in seen.replicas if r.port is not None}
        return seen

    async def look(self) -> Seen:
        """Where headwayd must be there to be asked."""
        seen = await self.seen()
        assert seen is not None, "headwayd does not answer"
        return seen

    async def ask(self, replica: Replica, path: str) -> str:
        """Past Envoy, one backend."""
        assert replica.port is not None, f"{replica.id} has no port"
        return await ask(replica.port, path)

    def envoy(self, generation: int) -> Admin:
        """Envoy's own view, over its admin socket."""
        return Admin(self.home / SITE / "production" / "envoy" / f"admin-{generation}.sock")

    async def until(self, so: Callable[[Seen], bool], *, limit_s: float) -> float:
        """How long it took until `so`; a scenario that waits for ever has failed."""
        began_s = time.monotonic()
        while True:
            seen = await self.seen()
            took_s = time.monotonic() - began_s
            if seen is not None and so(seen):
                return took_s
            if took_s > limit_s:
                raise TimeoutError(f"still not so after {limit_s:g} s: {seen}")
            await asyncio.sleep(POLL_S)

    async def settled(self, *, limit_s: float = 60.0) -> float:
        return await self.until(lambda seen: seen.settled, limit_s=limit_s)

    def load(self, rate_s: float, *, post_every: int = 2, timeout_s: float = 5.0) -> OpenLoop:
        limits = Limits(post_every=post_every, timeout_s=timeout_s)
        return OpenLoop(Users(self.target, limits, name=f"r{time.time_ns():x}"), rate_s)

    def handled(self) -> Counter[str]:
        """How often each POST was carried out, by id, over all replicas and lives."""
        try:
            lines = self.handled_file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return Counter()
        return Counter(line.partition(" ")[0] for line in lines)

    def handled_twice(self) -> int:
        return sum(times > 1 for times in self.handled().values())

    def daemon_pid(self) -> int | None:
        return self._pid_of("headway.daemon", "headwayd")

    def keeper_pid(self) -> int | None:
        return self._pid_of("headway.engine.io.keeper")

    def processes(self) -> dict[int, str]:
        """Everything that lives and names this home, other than ourselves."""
        home, found = str(self.home).encode(), {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal() or int(folder.name) == os.getpid():
                continue
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes()
                marks = (command, (folder / "environ").read_bytes(), self._stdout_of(folder))
                if command and any(home in mark for mark in marks):
                    found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found

    async def gone(self) -> list[str]:
        """Wait for everything to end; end by force what does not, and name it."""
        until_s = time.monotonic() + LEAVING_S_MAX
        while True:
            left = self.processes()
            if not left or time.monotonic() >= until_s:
                break
            await asyncio.sleep(POLL_S)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [*left.values(), *self._ports_left(), *self._files_left()]

    def _ports_left(self) -> list[str]:
        tables = [Path(f"/proc/net/{name}").read_text("ascii") for name in ("tcp", "tcp6")]
        rows = [line.split() for table in tables for line in table.splitlines()[1:]]
        listening = {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENING}
        return [f"port {port} is still listening" for port in sorted(self._ports & listening)]

    def _files_left(self) -> list[str]:
        """After `down --purge` and the end of headwayd: logs, journal and samples, nothing else."""
        found = sorted([*self.temporary.glob("*"), *self.home.glob("*")])
        return [f"file {path}" for path in found if path.name not in KEPT_FILES]

    def _pid_of(self, *names: str) -> int | None:
        for pid, command in self.processes().items():
            if any(name in command for name in names):
                return pid
        return None

    @staticmethod
    def _stdout_of(process: Path) -> bytes:
        try:
            return os.fsencode((process / "fd" / "1").readlink())
        except OSError:
            return b""


@asynccontextmanager
async def running(description: Description) -> AsyncIterator[SiteUnderTest]:
    async with prepared() as site:
        await site.describe(description)
        yield site


@asynccontextmanager
async def prepared() -> AsyncIterator[SiteUnderTest]:
    """A home where nothing runs yet. Whatever is brought up in it is ended."""
    folder = Path(tempfile.mkdtemp(prefix="hwb-"))
    site = SiteUnderTest(folder / "home", free_port())
    site.temporary.mkdir()
    try:
        yield site
    finally:
        ended = await site.headway("down", "--yes", "--purge", limit_s=DOWN_S_MAX)
        left = await site.gone()
        if ended.exit_code != 0 or left:
            LEFT_BEHIND.extend((f"headway down: exit {ended.exit_code} {ended.output}", *left))
            print(*LEFT_BEHIND, f"logs are kept in {site.home}", sep="\n  ", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pids(replicas: Sequence[Replica]) -> set[int]:
    return {r.pid for r in replicas if r.pid is not None}
