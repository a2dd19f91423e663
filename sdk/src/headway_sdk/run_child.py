"""The server of `headway-run` as a process: how it begins, what it leaves behind, how we end as it.

Imports little: this is one more process for every replica.
"""

import errno
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

TYPE_CHECKING = False  # see run.py
if TYPE_CHECKING:
    from typing import NoReturn

HEARD = ("SIGTERM", "SIGINT", "SIGCHLD")
FORWARDED = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGQUIT", "SIGTTIN", "SIGTTOU")
IGNORED = ("SIGPIPE", "SIGXFSZ")  # by Python, and exec would pass that on
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
NOT_FOUND, NOT_RUNNABLE = 127, 126  # as shells say it
KILLED_WITHIN_S = 2.0
NOBODY = -1


def say(text: str) -> None:
    os.write(2, f"headway-run: {text}\n".encode(errors="replace"))


def named(names: Sequence[str]) -> list[signal.Signals]:
    """Not every system has all of them."""
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]


def start(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Fork and exec. The pipe closes by itself when exec succeeds, and tells why when it fails."""
    parent = os.getpid()
    die_with_parent = _prctl()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.set_wakeup_fd(-1)
            # Its own group: a signal for our group, or Ctrl-C, must not overtake the drain.
            os.setpgid(0, 0)
            die_with_parent()
            if os.getppid() == parent:  # else it died before it could be watched
                for number in named((*HEARD, *FORWARDED, *IGNORED)):
                    signal.signal(number, signal.SIG_DFL)
                os.execvpe(command[0], list(command), environ)  # noqa: S606 - no shell is wanted
        except OSError as error:
            os.write(tell, str(error.errno).encode())
        finally:
            os._exit(NOT_FOUND)
    os.close(tell)
    failure = os.read(told, 16)
    os.close(told)
    if failure:
        os.waitpid(child, 0)
        say(f"cannot run {command[0]}: {os.strerror(int(failure))}; is it installed, on PATH?")
        sys.exit(NOT_FOUND if int(failure) == errno.ENOENT else NOT_RUNNABLE)
    return child


def reap(child: int) -> int | None:
    """The wait status of the child, once it has ended; whatever else has ended is buried too."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == child:
            return status
        if pid == 0:
            return None


def end_the_rest(wake: int, *, limit_s: float) -> None:
    """End what the server left behind: SIGTERM, and SIGKILL at the limit, or when told again.

    Only Linux gives us its orphans.
    """
    reap(NOBODY)
    left = _children()
    if not left:
        return
    say(f"it left {len(left)} processes behind; they are ended")
    until_s = time.monotonic() + limit_s
    told: set[int] = set()
    while left and time.monotonic() < until_s:
        for pid in set(left) - told:
            _signal(pid, signal.SIGTERM)
        told |= set(left)
        if select.select([wake], [], [], max(0.0, until_s - time.monotonic()))[0]:
            heard = os.read(wake, 512)
            if signal.SIGTERM in heard or signal.SIGINT in heard:
                break
        reap(NOBODY)
        left = _children()
    until_s = time.monotonic() + KILLED_WITHIN_S
    while left and time.monotonic() < until_s:  # the end of one makes its children ours
        for pid in left:
            _signal(pid, signal.SIGKILL)
        if select.select([wake], [], [], 0.05)[0]:
            os.read(wake, 512)
        reap(NOBODY)
        left = _children()


def leave(code: int) -> "NoReturn":
    """Exit as the server did: with its status, or by its signal."""
    if code >= 0:
        sys.exit(code)
    number = -code
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    _no_core_file()
    os.kill(os.getpid(), number)
    sys.exit(128 + number)  # a signal that does not end a process


def _prctl() -> Callable[[], object]:
    """We inherit the orphans of the server; returned is what makes the server die with us."""
    if sys.platform != "linux":
        return lambda: None
    import ctypes  # noqa: PLC0415 - not everywhere needed

    prctl = ctypes.CDLL(None).prctl  # looked up before the fork
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _children() -> list[int]:
    """Only asked when the server has ended."""
    if sys.platform != "linux":
        return []
    return [int(n) for n in os.listdir("/proc") if n.isdigit() and _parent_of(n) == os.getpid()]  # noqa: PTH208


def _parent_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            return int(file.read(1024).rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _no_core_file() -> None:
    """The server has written its own."""
    import resource  # noqa: PLC0415 - only on the way out

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
