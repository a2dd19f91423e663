"""`headway-run -- COMMAND`: a small parent that gives any server a quiet end.

Promises:

  quiet end  on SIGTERM or SIGINT the drain flag (the file named by `$HW_DRAIN_FILE`) goes up first,
             so that health turns negative; a moment later the server gets its SIGTERM; what has
             not ended within `$HW_DRAIN_S` of the first signal is killed.
  no orphan  when this parent dies, however it dies, the server dies (Linux).
  truth      the server's own exit status is passed on. Dying of the SIGTERM that we sent is a
             clean end, and so status 0.

This file is one more process for every replica: it imports as little as it can.
"""

import errno
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

DRAIN_S = 5.0
WAIT_S = 0.5  # longer than any health interval a site uses
DRAIN_S_MAX = 3600.0

FORWARDED = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH")
IGNORED = ("SIGPIPE", "SIGXFSZ")  # by Python, and exec would pass that on
ENDING = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG = 1  # linux/prctl.h
NOT_FOUND, NOT_RUNNABLE = 127, 126  # as shells say it
TERM_BY_SHELL_CONVENTION = 128 + signal.SIGTERM  # what a JVM or a shell exits with on SIGTERM

USAGE = """\
usage: headway-run -- COMMAND [ARGUMENT…]

Runs COMMAND and gives it a quiet end: on SIGTERM its health turns negative, then it is told to end.
$PORT in the arguments is filled in. Variables:
  HW_DRAIN_S       everything ends within so many seconds of SIGTERM (default 5)
  HW_DRAIN_WAIT_S  seconds between negative health and the command's SIGTERM (default 0.5)
  HW_DRAIN_FILE    the drain flag; a private name is chosen when it is not set
"""


class UsageError(Exception):
    """What cannot be run, and what to do about it."""


# ---- decisions


def expand_port(argument: str, port: str | None) -> str:
    """Fill in `$PORT` and `${PORT}`, and nothing else."""
    parts = argument.replace("${PORT}", "$PORT\0").split("$PORT")
    done = parts[0]
    for part in parts[1:]:
        if part[:1].isalnum() or part[:1] == "_":
            done += "$PORT" + part  # $PORTAL is another name
        elif port is None:
            raise UsageError("$PORT is not set; start it with PORT=8000 headway-run -- …")
        else:
            done += port + part.removeprefix("\0")
    return done


def command_of(arguments: Sequence[str], port: str | None) -> list[str]:
    rest = list(arguments)
    if rest[:1] == ["--"]:
        rest = rest[1:]
    elif rest and rest[0].startswith("-"):
        raise UsageError(f"unknown option {rest[0]}; put -- before the command")
    if not rest:
        raise UsageError("no command; write it after --, as in headway-run -- python app.py")
    return [expand_port(argument, port) for argument in rest]


def seconds_of(environ: Mapping[str, str], name: str, *, default_s: float) -> float:
    text = environ.get(name, "")
    if not text:
        return default_s
    try:
        value_s = float(text)
    except ValueError:
        value_s = -1.0
    if not 0 <= value_s <= DRAIN_S_MAX:
        raise UsageError(f"{name}={text} is not a number of seconds from 0 to {DRAIN_S_MAX:g}")
    return value_s


def verdict(status: int, *, we_ended_it: bool) -> int:
    """From a wait status to ours; minus a signal when the server died of one we did not send."""
    code = os.waitstatus_to_exitcode(status)
    if we_ended_it and code in (-signal.SIGTERM, TERM_BY_SHELL_CONVENTION):
        return 0
    return code


# ---- effects


def main() -> NoReturn:
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        sys.exit(0)
    try:
        command = command_of(arguments, os.environ.get("PORT"))
        limit_s = seconds_of(os.environ, "HW_DRAIN_S", default_s=DRAIN_S)
        wait_s = seconds_of(os.environ, "HW_DRAIN_WAIT_S", default_s=min(WAIT_S, limit_s / 2))
    except UsageError as error:
        _say(str(error))
        sys.exit(2)
    wait_s = min(wait_s, limit_s)
    flag = os.environ.get("HW_DRAIN_FILE") or _private_flag()
    leave(Parent(flag=flag, limit_s=limit_s, wait_s=wait_s).run(command))


class Parent:
    def __init__(self, *, flag: str, limit_s: float, wait_s: float) -> None:
        self._flag = flag
        self._limit_s = limit_s
        self._wait_s = wait_s
        self._child = 0
        self._asked_at_s: float | None = None  # when we were first told to end
        self._told = False  # the server has been sent its SIGTERM
        self._killed = False

    def run(self, command: Sequence[str]) -> int:
        """Start it, stand by, and return its exit status (minus a signal)."""
        wake, wake_write = os.pipe()
        for end in (wake, wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (*ENDING, signal.SIGCHLD, *_named(FORWARDED)):
            signal.signal(number, _heard)
        _lower(self._flag)  # a flag that an earlier life left behind means nothing now
        self._child = start(command, {**os.environ, "HW_DRAIN_FILE": self._flag})
        try:
            return self._stand_by(wake)
        finally:
            _lower(self._flag)

    def _stand_by(self, wake: int) -> int:
        while True:
            pid, status = os.waitpid(self._child, os.WNOHANG)
            if pid:
                if self._killed:
                    _say(f"killed: it did not end within {self._limit_s:g} s")
                return verdict(status, we_ended_it=self._told)
            ready, _, _ = select.select([wake], [], [], self._next_step_in_s(time.monotonic()))
            if ready:
                for number in os.read(wake, 512):
                    self._hear(number, time.monotonic())
            self._move_on(time.monotonic())

    def _hear(self, number: int, now_s: float) -> None:
        if number == signal.SIGCHLD:
            return
        if number not in ENDING:
            os.kill(self._child, number)
        elif self._asked_at_s is None:
            self._asked_at_s = now_s
            _raise(self._flag)
        else:
            self._wait_s = 0.0  # told twice: somebody is in a hurry

    def _next_step_in_s(self, now_s: float) -> float | None:
        if self._asked_at_s is None or self._killed:
            return None
        due_s = self._asked_at_s + (self._limit_s if self._told else self._wait_s)
        return max(0.0, due_s - now_s)

    def _move_on(self, now_s: float) -> None:
        if self._asked_at_s is None:
            return
        if not self._told and now_s >= self._asked_at_s + self._wait_s:
            self._told = True
            os.kill(self._child, signal.SIGTERM)
        if self._told and not self._killed and now_s >= self._asked_at_s + self._limit_s:
            self._killed = True
            os.kill(self._child, signal.SIGKILL)


def start(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Fork and exec. The pipe closes by itself when exec succeeds, and tells why when it fails."""
    parent = os.getpid()
    die_with_parent = _parent_death_signal()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.set_wakeup_fd(-1)
            # Its own group: a signal for our group, or Ctrl-C, must not overtake the drain.
            os.setpgid(0, 0)
            die_with_parent()
            if os.getppid() == parent:  # else it died before it could be watched
                for number in (*ENDING, signal.SIGCHLD, *_named(FORWARDED), *_named(IGNORED)):
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
        _say(f"cannot run {command[0]}: {os.strerror(int(failure))}; is it installed, on PATH?")
        sys.exit(NOT_FOUND if int(failure) == errno.ENOENT else NOT_RUNNABLE)
    return child


def _parent_death_signal() -> Callable[[], object]:
    """What the child calls to be killed when its parent dies. Only Linux knows how."""
    if sys.platform != "linux":
        return lambda: None
    import ctypes  # noqa: PLC0415 - not everywhere needed

    prctl = ctypes.CDLL(None).prctl  # looked up before the fork
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def leave(code: int) -> NoReturn:
    """Exit as the server did: with its status, or by its signal."""
    if code >= 0:
        sys.exit(code)
    number = -code
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    _no_core_file()
    os.kill(os.getpid(), number)
    sys.exit(128 + number)  # a signal that does not end a process


def _no_core_file() -> None:
    """The server has written its own."""
    import resource  # noqa: PLC0415 - only on the way out

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _private_flag() -> str:
    """A name that nobody can guess, and so nobody can raise or block. The file does not exist."""
    folder = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - see above
    return os.path.join(folder, f"headway-drain-{os.getpid()}-{os.urandom(8).hex()}")  # noqa: PTH118 - pathlib is slow to import


def _raise(flag: str) -> None:
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        _say(f"cannot raise the drain flag {flag}: {error.strerror}; ending without it")


def _lower(flag: str) -> None:
    try:
        os.unlink(flag)  # noqa: PTH108 - likewise
    except OSError:
        return  # never raised, or already gone


def _named(names: Sequence[str]) -> list[signal.Signals]:
    """Not every system has all of them."""
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]


def _heard(number: int, frame: object) -> None:
    """The wake pipe has the number; a handler must exist for it to be written."""


def _say(text: str) -> None:
    os.write(2, f"headway-run: {text}\n".encode(errors="replace"))


if __name__ == "__main__":
    main()
