"""`--debug-signal`: the log level of a server that knows nothing of `$HW_CONTROL`.

It gets one signal when its level shall be debug, and another one when that is over. A signal that
the server does not handle would end it, and so is never sent: a new process is waited for, and one
that never handles it is told about. Only imported when it is wanted.
"""

import os
import signal
import time

from headway_sdk.control import NOTHING, ControlFile
from headway_sdk.run_child import say

PATIENCE_S = 5.0  # for a new server to say that it handles the signal


class LevelSignals:
    def __init__(self, path: str, debug: signal.Signals, normal: signal.Signals) -> None:
        self._file = ControlFile(path)
        self._debug = debug
        self._normal = normal
        self._word = NOTHING
        self._is_debug = False
        self._since_s: float | None = None  # unheard since
        self._complained = False

    def look(self, child: int) -> None:
        """Once a second; sends what is due."""
        steady_s = time.monotonic()
        word = self._file.look(steady_s=steady_s, now_s=time.time())
        if word != self._word:
            self._word, self._since_s, self._complained = word, steady_s, False
            if word.problem:
                say(f"$HW_CONTROL {word.problem}: not heeded")
            elif word.level not in ("", "debug"):
                say(f"log level {word.level} was asked for; this server has only debug")
        wanted = word.level == "debug"
        if wanted == self._is_debug:
            return
        number = self._debug if wanted else self._normal
        if _handles(child, number):
            os.kill(child, number)
            self._is_debug = wanted
            what = f"debug until {word.until}" if wanted else "as before"
            say(f"log level {what}: {number.name} sent")
        elif not self._complained and steady_s - (self._since_s or 0.0) > PATIENCE_S:
            self._complained = True
            say(f"the server does not handle {number.name}; not sent, because it would end it")


def _handles(pid: int, number: signal.Signals) -> bool:
    """Has this process a handler for it? Only Linux tells."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            lines = file.read(8192).splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith(b"SigCgt:")), b"0")
    return bool(int(caught, 16) >> (number - 1) & 1)
