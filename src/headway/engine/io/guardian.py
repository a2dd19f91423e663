"""Brings headwayd back when it dies without a goodbye.

Several keepers may do so at once: headwayd has a lock of its own, and the ones that lose it exit.
"""

import asyncio
import os
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headway.engine.io import procfs
from headway.engine.io.spawn import disown

LOG_NAME = "headwayd.log"
DELAY_S = 0.2
DELAY_S_MAX = 30.0
STARTS_PER_MINUTE_MAX = 10


@dataclass(frozen=True, slots=True)
class Guarded:
    """How to start it again. The values of its environment stay in this memory."""

    argv: tuple[str, ...]
    env: dict[str, str]
    directory: str


class Guardian:
    def __init__(self, directory: Path) -> None:
        self._log = directory / LOG_NAME
        self._guarded: Guarded | None = None
        self._pidfd = -1
        self._pid = 0
        self._delay_s = DELAY_S
        self._starts: deque[float] = deque(maxlen=STARTS_PER_MINUTE_MAX)
        self._timer: asyncio.TimerHandle | None = None

    def guard(self, pid: int, argv: tuple[str, ...], env_names: list[str], directory: str) -> None:
        """From now on; whoever was guarded before is not any more."""
        self.release()
        environ = procfs.environ(pid)
        env = {name: environ[name] for name in env_names if name in environ}
        self._guarded = Guarded(argv, env, directory)
        self._delay_s = DELAY_S
        self._watch(pid)

    def memory(self) -> tuple[dict[str, Any] | None, tuple[int, ...]]:
        """For a newer version of this process; the open file goes along."""
        if self._guarded is None:
            return None, ()
        known = {**asdict(self._guarded), "watched": self._pid if self._pidfd >= 0 else 0}
        return known, (self._pidfd,) if self._pidfd >= 0 else ()

    def resume(self, known: Mapping[str, Any] | None, files: Sequence[int]) -> None:
        """What `memory` gave."""
        if known is None:
            return
        self._guarded = Guarded(tuple(known["argv"]), known["env"], known["directory"])
        if not files:
            self._died()  # it was about to be started again
            return
        self._pid, self._pidfd = known["watched"], files[0]
        asyncio.get_running_loop().add_reader(self._pidfd, self._died)

    def release(self) -> None:
        self._guarded = None
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()

    def child_ended(self, pid: int, status: int) -> None:
        """One that we started ended. With status 0 it found another in charge: we are done."""
        if pid == self._pid and status == 0:
            self.release()

    def _watch(self, pid: int) -> None:
        self._pid = pid
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError:
            self._died()
            return
        asyncio.get_running_loop().add_reader(self._pidfd, self._died)

    def _unwatch(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _died(self) -> None:
        self._unwatch()
        now_s = time.monotonic()
        wait_s = self._delay_s
        if len(self._starts) == STARTS_PER_MINUTE_MAX:
            wait_s = max(wait_s, self._starts[0] + 60.0 - now_s)
        self._delay_s = min(DELAY_S_MAX, 2 * self._delay_s)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._start)

    def _start(self) -> None:
        guarded = self._guarded
        if guarded is None:
            return
        self._starts.append(time.monotonic())
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            log = os.open(self._log, flags, 0o600)
        except OSError:
            log = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            process = subprocess.Popen(
                guarded.argv,
                env=guarded.env,
                cwd=guarded.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            os.write(log, f"cannot start {guarded.argv[0]}: {error.strerror}\n".encode())
            self._died()
            return
        finally:
            os.close(log)
        disown(process)
        self._watch(process.pid)
