"""headwayd: the only place that builds real things and hands them to the loop and the API.

    python -m headway.daemon --home FOLDER

One per folder (a lock says so; a second one leaves with status 0). Told to end, it lets go of
everything and leaves it running; killed, a keeper brings it back and it adopts what runs.
"""

import argparse
import asyncio
import fcntl
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from headway.access.io.token_file import TokenFile
from headway.api.address import TOKENS_NAME, journal_path, lock_path, log_path, socket_path
from headway.api.custody import LiveCustody, Succession
from headway.api.keyring import StoredKeyring
from headway.api.leavings import clear
from headway.api.live import LiveControl
from headway.api.monitored import watchlist
from headway.api.outside import Outside
from headway.api.own_log import log_to
from headway.api.restoring import forget, prepared_path
from headway.api.running import Running
from headway.api.server import serve
from headway.api.serving import Baton
from headway.api.succession import Taken, go_on
from headway.assembly import (
    Assembly,
    Place,
    as_applied,
    assemble,
    keep_envoy,
    tell_whether_fit,
    unreadable,
)
from headway.engine.io.keeper_link import start_keeper
from headway.journal.io.sqlite import SqliteJournal, open_journal
from headway.journal.rows import StoredEnvironment
from headway.loop.clock import SteadyClock
from headway.loop.story import Life
from headway.loop.turn import Wanted
from headway.model.actor import HEADWAY
from headway.model.desired import Desired
from headway.model.errors import EngineError, HeadwayError
from headway.model.event import Event
from headway.model.host import Host
from headway.model.ids import EnvironmentId, HostName
from headway.model.observed import Phase
from headway.model.site import Site
from headway.monitoring.io.care import MonitorCare
from headway.planning.resolve import going_down
from headway.traffic.io.envoy import find_envoy

RETRY_S = 1.0
FIRST_LINGER_S, LINGER_S = 3.0, 0.5
LAST_ANSWERS_S = 0.1
LOCK_WITHIN_S, LOCK_EVERY_S = 2.0, 0.05

log = logging.getLogger("headway.daemon")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="headwayd", description="Headway's daemon.")
    parser.add_argument("--home", required=True, type=Path, help="the folder of its state")
    parser.add_argument("--check", action="store_true", help="could this version take over?")
    parser.add_argument("--go-on", metavar="FILES", help=argparse.SUPPRESS)
    parser.add_argument("--renew-keepers", action="store_true", help=argparse.SUPPRESS)
    said = parser.parse_args(argv)
    home: Path = said.home.expanduser().absolute()
    if said.check:
        return tell_whether_fit(home)
    os.umask(0o077)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = Taken.up(said.go_on) if said.go_on else _lock(lock_path(home))
    except OSError as error:
        sys.stderr.write(f"{home} cannot be used: {error.strerror}\n")
        return 1
    if taken is None:
        return 0  # another one looks after this folder
    log_to(log_path(home))
    daemon = Daemon(home, Baton(taken.socket), renew_keepers=said.renew_keepers)
    try:
        asyncio.run(daemon.run())
        if daemon.succession is not None:
            go_on(home, daemon.succession, Taken(taken.lock, daemon.baton.file))
    except HeadwayError as error:
        log.error("%s; %s", error, error.remedy)  # noqa: TRY400 - said in full, no traceback needed
        sys.stderr.write(f"{error}\n{error.remedy}\n")
        return 1
    except Exception as error:
        log.exception("headwayd failed")
        sys.stderr.write(f"headwayd failed: {error}; the details are in {log_path(home)}\n")
        return 1
    finally:
        os.close(taken.lock)
    return 0


def _lock(path: Path) -> Taken | None:
    """Ours until we end. One that is just leaving is given a moment, and takes its file along."""
    end_s = time.monotonic() + LOCK_WITHIN_S
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(lock).st_ino:
                told = f"{os.getpid()}\n".encode()
                with suppress(OSError):  # in place: on a full disk nothing new is needed
                    os.truncate(lock, os.write(lock, told))
                return Taken(lock, None)
        os.close(lock)
        if time.monotonic() > end_s:
            return None
        time.sleep(LOCK_EVERY_S)


class Daemon:
    """Builds environments and looks after them until told to end."""

    def __init__(self, home: Path, baton: Baton, *, renew_keepers: bool = False) -> None:
        self.baton = baton
        self.succession: Succession | None = None  # another program is to take our place
        self._home = home
        self._renew_keepers = renew_keepers
        self._is_leaving_idle = False
        self._clock = SteadyClock(time.time, time.monotonic)
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = asyncio.Event()  # to end
        self._outside = Outside(home, changed=lambda: self._leave_when_idle(LINGER_S))
        self._journal: SqliteJournal
        self._place: Place
        self._control: LiveControl
        self._running: Mapping[EnvironmentId, Running]

    async def run(self) -> None:
        forget(prepared_path(self._home))  # of a restore that was cut short
        self._journal = await open_journal(journal_path(self._home))
        self._place = Place(
            self._home,
            _this_host(),
            self._journal,
            self._clock,
            find_envoy(),
            renew_keepers=self._renew_keepers,
        )
        self._control = LiveControl(
            home=self._home,
            journal=self._journal,
            clock=self._clock,
            assemble=self._assemble,
            claim=self._claim,
            started_at=self._clock.now(),
            keyring=StoredKeyring(
                TokenFile(self._home / TOKENS_NAME),
                now=self._clock.now,
                random_bytes=secrets.token_bytes,
                record=self._journal.record,
            ),
            custody=self._custody,
        )
        await self._resume()
        serving = serve(self._control, socket_path(self._home), self._outside, self.baton)
        api = asyncio.create_task(serving, name="api")
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._told.set)
        log.info(
            "headwayd %d, epoch %d, looks after %s", os.getpid(), self._journal.epoch, self._home
        )
        self._leave_when_idle(FIRST_LINGER_S)
        care = MonitorCare(self._home, lambda: watchlist(self._running.values()))
        self._spawn(care.run(), "monitor")
        told = asyncio.create_task(self._told.wait())
        await asyncio.wait({api, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        for task in (api, *self._tasks):
            task.cancel()
        results = await asyncio.gather(api, *self._tasks, return_exceptions=True)
        await self._journal.close()
        if self._control.is_idle or self.succession is not None:  # newer code watches by itself
            await care.end()
        self._settle_baton()
        if self._control.is_idle and self.succession is None:
            (self._home / "journal.reserve").unlink(missing_ok=True)
            lock_path(self._home).unlink(missing_ok=True)
        if isinstance(results[0], Exception):
            raise results[0]

    def _custody(
        self, running: Mapping[EnvironmentId, Running], changing: asyncio.Lock
    ) -> LiveCustody:
        self._running = running
        return LiveCustody(
            home=self._home,
            journal=self._journal,
            clock=self._clock,
            running=running,
            changing=changing,
            hand_over=self._hand_over,
        )

    def _hand_over(self, succession: Succession) -> None:
        """As soon as whoever asked for it has his answer."""
        self.succession = succession
        self.baton.is_passed_on = True
        asyncio.get_running_loop().call_later(LAST_ANSWERS_S, self._told.set)

    def _settle_baton(self) -> None:
        """Whoever asked for something while we were leaving is not left alone with it."""
        if self._is_leaving_idle and not self._control.is_idle:
            self.succession = Succession()
        elif self._is_leaving_idle and self.baton.file is not None:
            os.close(self.baton.file)
            socket_path(self._home).unlink(missing_ok=True)

    def _leave_when_idle(self, after_s: float) -> None:
        """Where nothing runs nothing of Headway stays; but whoever asks may see the end first.

        Unless somebody may come from outside, who could not start it again.
        """

        def look() -> None:
            if self._control.is_idle and not self._outside.is_wanted:
                self._is_leaving_idle = self.baton.is_passed_on = True
                self._told.set()

        asyncio.get_running_loop().call_later(after_s, look)

    async def _resume(self) -> None:
        """Take up every environment of the journal; nothing that runs is touched by this."""
        for stored in await self._journal.environments():
            held = ""
            try:
                site, described = as_applied(stored)
            except Exception as error:  # not the end of the care for all the others
                is_bug = not isinstance(error, HeadwayError)
                log.error("%s is left as it is: %s", stored.id, error, exc_info=is_bug)  # noqa: TRY400
                site, described = unreadable(stored)
                remedy = error.remedy if isinstance(error, HeadwayError) else ""
                held = f"{error}; what runs is left as it is; {remedy or 'headway up'}"
            if stored.going_down:
                wanted = Wanted(going_down(described))
            else:
                overrides = await self._journal.overrides(stored.id)
                wanted = Wanted(described, overrides, held=held)
            told = await self._journal.told_phases(stored.id)
            self._control.adopt(self._assemble(stored, site, described, wanted, told))
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
        self,
        stored: StoredEnvironment,
        site: Site,
        described: Desired,
        wanted: Wanted,
        told_before: Mapping[Life, Phase] | None = None,
    ) -> Running:
        made = assemble(self._place, stored, site, described, wanted, told_before or {})
        self._spawn(self._look_after(made), str(stored.id))
        return made.running

    def _spawn(self, care: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(care, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _claim(self, stored: StoredEnvironment) -> None:
        """Its keeper holds the first port of the block for as long as the environment lives."""
        folder = self._place.folder(stored)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await start_keeper(folder, stored.ports["block"])

    async def _look_after(self, made: Assembly) -> None:
        """The whole life of an environment in this daemon."""
        environment = made.running.environment
        await self._start(made)
        proxy: asyncio.Task[None] | None = None

        async def is_over() -> bool:
            nonlocal proxy
            if not made.running.stored.going_down:
                if proxy is None or proxy.done():  # it ends early when a way down was broken off
                    care = keep_envoy(made)
                    proxy = asyncio.create_task(care, name="envoy")
                return False
            if not environment.is_empty:
                return False
            await _stop(proxy)
            async with self._control.changing:
                return made.running.stored.going_down and await self._end(made)

        try:
            await environment.run(is_over)
        finally:
            await _stop(proxy)
            await made.traffic.close()
            with suppress(HeadwayError):
                await made.engine.close(for_good=self.succession is None)

    async def _end(self, made: Assembly) -> bool:
        """Nothing of it runs any more: end what cared for it and drop its traces."""
        environment, stored = made.running.environment, made.running.stored
        if not environment.is_empty:
            return False  # it was brought up and down again meanwhile
        try:
            await made.envoy.retire()
            await made.engine.retire()  # refused while Envoy is still ending
        except HeadwayError as error:
            environment.failure = str(error)
            return False
        await made.traffic.close()
        await asyncio.to_thread(clear, self._place.folder(stored), keep_logs=not stored.purge)
        try:
            await self._forget(stored)
        except HeadwayError as error:
            log.warning("%s is down, which is not written down yet: %s", stored.id, error)
            self._spawn(self._forget_later(stored), f"forget {stored.id}")
        self._control.dismiss(stored.id)
        self._leave_when_idle(LINGER_S)
        return True

    async def _start(self, made: Assembly) -> None:
        environment = made.running.environment
        while True:
            try:
                await made.engine.start()
            except (EngineError, OSError) as error:
                if environment.failure != str(error):
                    log.warning("%s: %s", environment.id, error)
                environment.failure = str(error)
                await asyncio.sleep(RETRY_S)
            else:
                environment.failure = ""
                return

    async def _forget(self, stored: StoredEnvironment) -> None:
        name = str(stored.id)
        event = Event(self._clock.now(), stored.id, "gone", name, "is down", HEADWAY.name, {})
        await self._journal.remove_environment(stored.id, [event])
        if stored.purge:
            await self._journal.forget_events(stored.id)

    async def _forget_later(self, stored: StoredEnvironment) -> None:
        """As soon as the journal can be written; unless it was brought up again meanwhile."""
        while True:
            await asyncio.sleep(RETRY_S)
            async with self._control.changing:
                if self._control.runs(stored.id):
                    return
                with suppress(HeadwayError):
                    await self._forget(stored)
                    return


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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


if __name__ == "__main__":
    sys.exit(main())
