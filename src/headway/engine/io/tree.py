"""The processes of one life: the main one and everything that came of it, wherever it hid.

With a cgroup nothing escapes. Without one they are known by their session and by the marker in
their environment, and looked for again until nothing is left.
"""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from headway.engine.io import cgroups, procfs

END_TRIES_MAX = 400
END_PAUSE_S = 0.001  # grows up to the next
END_PAUSE_S_MAX = 0.05


@dataclass(frozen=True, slots=True)
class Tree:
    pid: int  # the main process, leader of its session
    starttime: int
    marker: str
    leaf: Path | None
    # A session may be searched only while nobody else can have got its number: under our eyes.
    watched: bool

    def left(self) -> list[int]:
        """Who is still there."""
        if self.leaf is not None:
            return cgroups.members(self.leaf)
        found = set(procfs.marked(self.marker).get(self.marker, []))
        if self.watched and self.pid > 0:
            found.update(procfs.in_session(self.pid))
        return [pid for pid in found if procfs.starttime(pid) is not None]

    def ask_to_end(self) -> None:
        """SIGTERM to the main process and those that stayed in its group."""
        if procfs.starttime(self.pid) == self.starttime:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self.leaf is not None:
            cgroups.kill(self.leaf)
            return
        for pid in self.left():
            started = procfs.starttime(pid)
            if started is not None:
                procfs.kill(pid, started)

    async def end(self) -> int:
        """Kill until nothing is left; how many could not be killed within some 20 s."""
        pause_s = END_PAUSE_S
        for _ in range(END_TRIES_MAX):
            if not self.left():
                return 0
            self.kill()
            await asyncio.sleep(pause_s)
            pause_s = min(END_PAUSE_S_MAX, pause_s * 1.5)
        return len(self.left())
