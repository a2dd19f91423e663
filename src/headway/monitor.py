"""headway-monitor: fetches, keeps and answers, in a process of its own.

    python -m headway.monitor --home FOLDER

One per folder (a lock says so; a second one leaves with status 0). A slow query holds up nobody but
itself: the loop that repairs lives in headwayd, and queries run in threads beside the fetching.
headwayd starts it and says what to watch; it leaves by itself when all of that is gone.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from headway.api.address import monitor_settings_path, monitor_socket_path
from headway.api.outside import Outside
from headway.api.own_log import log_to
from headway.api.prometheus.app import Face, create_app
from headway.api.prometheus.queries import Queries
from headway.api.serving import serve_app
from headway.loop.clock import SteadyClock
from headway.model.errors import HeadwayError
from headway.monitoring.io import lock
from headway.monitoring.io.care import LOG_NAME
from headway.monitoring.io.scrape import Scraper
from headway.monitoring.io.store import Limits, Store
from headway.monitoring.io.watchlist_file import WatchlistFile
from headway.monitoring.targets import Watchlist, WatchlistError, targets

SAMPLES_NAME = "samples"
LOOK_EVERY_S = 0.25
UPKEEP_EVERY_S = 5.0
LEAVE_AFTER_S = 3.0  # without headwayd and without anything to watch
NICENESS = 5  # what it watches comes first

log = logging.getLogger("headway.monitor")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="headway-monitor", description="Headway's monitor.")
    parser.add_argument("--home", required=True, type=Path, help="the folder of its state")
    home: Path = parser.parse_args(argv).home.expanduser().absolute()
    os.umask(0o077)
    try:
        held = lock.hold(home)
    except OSError as error:
        sys.stderr.write(f"{home} cannot be used: {error.strerror}\n")
        return 1
    if held is None:
        return 0  # another one looks after this folder
    log_to(home / LOG_NAME)
    os.nice(NICENESS)
    try:
        asyncio.run(Monitor(home).run())
    except HeadwayError as error:
        log.error("%s; %s", error, error.remedy)  # noqa: TRY400 - said in full, no traceback needed
        return 1
    except Exception:
        log.exception("headway-monitor failed")
        return 1
    finally:
        os.close(held)
    return 0


class Monitor:
    def __init__(self, home: Path) -> None:
        self._home = home
        self._clock = SteadyClock(time.time, time.monotonic)
        self._store = Store(
            home / SAMPLES_NAME, Limits(), tell=lambda text: log.warning("%s", text)
        )
        self._scraper = Scraper(self._store, home, self._now_ms)
        self._watchlist = Watchlist(0)
        self._told = asyncio.Event()  # to end

    async def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._told.set)
        queries = Queries(self._store)
        app = create_app(Face(self._store, self._scraper, queries))
        outside = Outside(
            self._home, settings=monitor_settings_path(self._home), loopback_only=True
        )
        serving = serve_app(app, monitor_socket_path(self._home), outside)
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("api", serving),
                ("scrape", self._scraper.run()),
                ("watchlist", self._heed()),
                ("upkeep", self._keep_up()),
                ("told", self._until_told()),
            )
        ]
        log.info("headway-monitor %d watches %s", os.getpid(), self._home)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        queries.close()
        await asyncio.to_thread(self._store.close)
        for task in done:
            task.result()

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)

    async def _keep_up(self) -> None:
        """Blocks, levels and limits of the store, one step at a time."""
        trouble = ""
        while True:
            try:
                done = await asyncio.to_thread(self._store.maintain, self._now_ms())
                said = ""
            except (HeadwayError, OSError) as error:
                done, said = "", str(error)
            except Exception as error:  # nobody is left without figures for a fault in upkeep
                done, said = "", repr(error)
                if said != trouble:
                    log.exception("a fault in upkeep")
            if said and said != trouble:
                log.error("the samples cannot be kept up: %s", said)
            trouble = said
            await asyncio.sleep(0 if done else UPKEEP_EVERY_S)

    async def _until_told(self) -> None:
        await self._told.wait()

    async def _heed(self) -> None:
        """Watch what headwayd says, until neither it nor anything of it is there."""
        file = WatchlistFile(self._home)
        alone_since_s: float | None = None
        while True:
            try:
                watchlist = await asyncio.to_thread(file.news)
            except WatchlistError as error:
                log.error("what headwayd says cannot be used: %s", error)  # noqa: TRY400
            else:
                if watchlist is not None:
                    self._watchlist = watchlist
                    self._scraper.aim(targets(watchlist))
            self._scraper.watchlist_age_s = file.age_s
            now_s = time.monotonic()
            alone_since_s = None if _anybody(self._watchlist) else alone_since_s or now_s
            if alone_since_s is not None and now_s - alone_since_s > LEAVE_AFTER_S:
                log.info("nothing is left to watch")
                return
            await asyncio.sleep(LOOK_EVERY_S)


def _anybody(watchlist: Watchlist) -> bool:
    """headwayd, a keeper, an Envoy or a replica is still there."""
    pids = [watchlist.headwayd_pid]
    for environment in watchlist.environments:
        pids += [environment.keeper_pid, environment.envoy_pid]
        pids += [replica.pid for replica in environment.replicas]
    return any(pid and Path(f"/proc/{pid}").is_dir() for pid in pids)


if __name__ == "__main__":
    sys.exit(main())
