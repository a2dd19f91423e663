"""headwayd's care for the monitor: tell it what to watch, and have exactly one of it run.

The monitor is nobody's child in particular: whoever finds its lock free starts it, so that it
outlives headwayd, and a headwayd that comes back finds it again. It is started a little later than
what it watches, because that is in a hurry and the monitor is not.
"""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from headway.monitoring.io import lock, watchlist_file
from headway.monitoring.targets import Watchlist

LOOK_EVERY_S = 0.5
TELL_EVERY_S = 5.0  # also when only counts have changed
AFTER_S = 1.5  # since there is something to watch
DELAY_S, DELAY_S_MAX = 0.25, 30.0  # before it is started again
GOOD_LIFE_S = 60.0
END_S, KILL_S = 3.0, 1.0
POLL_S = 0.02
LOG_NAME = "headway-monitor.log"

log = logging.getLogger("headway.monitor")


class MonitorCare:
    def __init__(self, home: Path, watchlist: Callable[[], Watchlist]) -> None:
        self._home = home
        self._watchlist = watchlist
        self._told: Watchlist | None = None
        self._tell_at_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._start_at_s: float | None = None  # None: nothing to watch
        self._started_at_s = 0.0
        self._delay_s = DELAY_S
        self._trouble = ""

    async def run(self) -> None:
        """Until cancelled; then it goes on without us."""
        try:
            while True:
                now_s = time.monotonic()
                try:
                    trouble = self._tell(now_s)
                    self._look(now_s)
                except OSError as error:
                    trouble = str(error)
                if trouble and trouble != self._trouble:
                    log.error("the monitor cannot be looked after: %s", trouble)
                self._trouble = trouble
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._disown()

    async def end(self) -> None:
        """Nothing is left to watch, or another program is to watch it."""
        for number, within_s in ((signal.SIGTERM, END_S), (signal.SIGKILL, KILL_S)):
            pid = lock.holder(self._home) or self._unlocked_pid()
            if not pid:
                break
            with suppress(OSError):
                handle = os.pidfd_open(pid)
                try:
                    # Looked at again: the pid may have been another's by the time it was opened.
                    if pid in (lock.holder(self._home), self._unlocked_pid()):
                        signal.pidfd_send_signal(handle, number)
                finally:
                    os.close(handle)
            for _ in range(round(within_s / POLL_S)):
                if not (lock.holder(self._home) or self._unlocked_pid()):
                    break
                await asyncio.sleep(POLL_S)
        watchlist_file.forget(self._home)
        self._disown()

    def _look(self, now_s: float) -> None:
        assert self._told is not None
        if not self._told.environments:
            self._start_at_s = None
            return
        if lock.holder(self._home) is not None or self._unlocked_pid():
            self._start_at_s = self._start_at_s or now_s
            return
        if self._start_at_s is None:
            self._start_at_s = now_s + AFTER_S
        elif self._process is not None:  # the one we started has ended
            self._died(now_s)
        if now_s >= self._start_at_s:
            self._start(now_s)

    def _tell(self, now_s: float) -> str:
        """Why it could not be written. The monitor goes on with what it was told before."""
        watchlist = self._watchlist()
        old = self._told
        if old is None or now_s >= self._tell_at_s or _matter(watchlist) != _matter(old):
            self._told, self._tell_at_s = watchlist, now_s
            try:
                watchlist_file.write(self._home, watchlist)
            except OSError as error:
                return str(error)
            self._tell_at_s = now_s + TELL_EVERY_S
        return ""

    def _died(self, now_s: float) -> None:
        assert self._process is not None
        status, self._process = self._process.returncode, None
        good = now_s - self._started_at_s > GOOD_LIFE_S
        delay_s = DELAY_S if good else self._delay_s
        self._delay_s = min(DELAY_S_MAX, 2 * delay_s)
        self._start_at_s = now_s + delay_s
        log.warning("the monitor ended with status %s; it is started again", status)

    def _start(self, now_s: float) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        output = os.open(self._home / LOG_NAME, flags, 0o600)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "headway.monitor", "--home", str(self._home)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._home,
                start_new_session=True,
            )
        finally:
            os.close(output)
        self._started_at_s = now_s

    def _unlocked_pid(self) -> int:
        """Of the one we started and that still runs; it takes a moment until it has the lock."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else 0

    def _disown(self) -> None:
        """It is not ours to wait for; without this Python would warn about a child left behind."""
        if self._process is not None:
            self._process.returncode = self._process.returncode or 0
            self._process = None


def _matter(watchlist: Watchlist) -> Watchlist:
    """Without the counts that change all the time."""
    still = (replace(e, turns=0, turns_s=0.0, turns_within=()) for e in watchlist.environments)
    return replace(watchlist, environments=tuple(still))
