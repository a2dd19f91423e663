"""One life of one process, from its start to the moment when nothing of its tree is left."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from headway.engine.io import procfs
from headway.engine.io.cgroups import CPU_OF_A_KEPT_LIFE, Cgroups, members
from headway.engine.io.record import Ending, Record
from headway.engine.io.spawn import CANNOT_JOIN, CannotStart, Command, spawn
from headway.engine.io.tree import Tree

FORKED_AWAY = (
    "it left processes behind: it must run in the foreground, not fork into the background"
)


class Life:
    """Follows a process and tells `changed` when its record has changed."""

    def __init__(self, record: Record, cgroups: Cgroups, changed: Callable[["Life"], None]) -> None:
        self.record = record
        self._cgroups = cgroups
        self._changed = changed
        self._pidfd = -1
        self._burial: asyncio.Task[None] | None = None
        self.dying: tuple[float, int | None, str] | None = None  # when, how; its tree is not gone
        self._kill_timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        return self.record.ending is None

    @property
    def cgroup_name(self) -> str:
        return f"{self.record.name}.{self.record.incarnation}"

    def spawn(self, command: Command, log: Path) -> None:
        """Start it. What cannot be started has ended, and the record says why."""
        record = self.record
        header = f"{record.name} life {record.incarnation} begins"
        env = {procfs.MARKER: record.marker, **command.env}
        try:
            leaves = self._leaves()
            record.pid = spawn(Command(command.argv, env, command.directory), log, header, leaves)
        except CannotStart as error:
            self._cgroups.remove(self.cgroup_name)
            self._end(Ending(time.monotonic(), error.status, error.note))
            return
        record.leaf = str(leaves[0]) if self._cgroups.tree else ""
        # A child that nobody has waited for cannot be confused with another, even when it is dead.
        record.starttime = procfs.starttime(record.pid) or 0
        try:
            self._follow(os.pidfd_open(record.pid))
        except OSError as error:
            self._tree().kill()
            self.fate(f"the keeper cannot follow it: {error.strerror}")

    def adopt(self) -> bool:
        """Follow a process that an earlier keeper started; False when it is gone."""
        fd = procfs.open_pidfd(self.record.pid, self.record.starttime)
        if fd is None:
            return False
        leaf = self._cgroups.tree / self.cgroup_name if self._cgroups.tree else None
        if leaf is not None and self.record.pid in members(leaf):
            self.record.leaf = str(leaf)
        self._follow(fd)
        self._arm()
        return True

    def main_ended(self, status: int | None) -> None:
        """`status` as the kernel told it: minus the signal, or None when it told another parent."""
        if self._burial is None and self.running:
            self.bury(time.monotonic(), status)

    def drain(self) -> None:
        if self.record.draining_s is None and self.running:
            self.record.draining_s = time.monotonic()
            self._changed(self)

    def stop(self, grace_s: float) -> None:
        """Ask; kill after `grace_s`. Asked again, the earlier end counts."""
        if not self.running:
            return
        record, now_s = self.record, time.monotonic()
        if record.stopping_s is None:
            record.stopping_s = now_s
            self._tree().ask_to_end()
        record.kill_at_s = min(record.kill_at_s or now_s + grace_s, now_s + grace_s)
        self._arm()
        self._changed(self)

    def fate(self, note: str) -> None:
        """It ended while no keeper looked; nobody knows how."""
        self.bury(time.monotonic(), None, note)

    def bury(self, at_s: float, status: int | None, note: str = "") -> None:
        """End what is left of its tree, and say how it ended."""
        self.dying = (at_s, status, note)
        self._burial = asyncio.get_running_loop().create_task(self._bury(at_s, status, note))

    def _leaves(self) -> tuple[Path, ...]:
        try:
            record = self.record
            cpu = CPU_OF_A_KEPT_LIFE if record.kept is not None else record.cpu
            return self._cgroups.prepare(self.cgroup_name, record.memory_bytes, cpu)
        except OSError as error:
            reason = f"cannot make its control group: {error.strerror}"
            raise CannotStart(CANNOT_JOIN, reason) from None

    def _tree(self) -> Tree:
        leaf = Path(self.record.leaf) if self.record.leaf else None
        record, watched = self.record, self._pidfd >= 0
        return Tree(record.pid, record.starttime, record.marker, leaf, watched)

    def _follow(self, fd: int) -> None:
        self._pidfd = fd
        asyncio.get_running_loop().add_reader(fd, self._on_pidfd)

    def _on_pidfd(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        try:
            pid, status = os.waitpid(self.record.pid, os.WNOHANG)
        except ChildProcessError:
            self.main_ended(None)
        else:
            self.main_ended(os.waitstatus_to_exitcode(status) if pid else None)

    def _arm(self) -> None:
        if self.record.kill_at_s is None:
            return
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        wait_s = max(0.0, self.record.kill_at_s - time.monotonic())
        loop = asyncio.get_running_loop()
        self._kill_timer = loop.call_later(wait_s, lambda: self._tree().kill())

    async def _bury(self, at_s: float, status: int | None, note: str = "") -> None:
        """Nothing of a tree outlives its main process."""
        tree = self._tree()
        notes = [note] if note else []
        if status == 0 and self.record.stopping_s is None and tree.left():
            notes.append(FORKED_AWAY)
        unkillable_count = await tree.end()
        if unkillable_count:
            notes.append(f"{unkillable_count} of its processes cannot be killed")
        if self._cgroups.ran_out_of_memory(self.cgroup_name):
            notes.append(f"over its memory limit ({_size(self.record.memory_bytes or 0)})")
        if status == CANNOT_JOIN and self.record.leaf:
            notes.append("perhaps it could not enter its control group: see its log")
        self._cgroups.remove(self.cgroup_name)
        self._end(Ending(at_s, status, "; ".join(notes)))

    def _end(self, ending: Ending) -> None:
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            with contextlib.suppress(OSError):
                os.close(self._pidfd)
            self._pidfd = -1
        self.record.ending = ending
        self.dying = None
        self._changed(self)


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= size and count % size == 0:
            return f"{count // size}{unit}"
    return f"{count / 10**6:.0f}MB"
