"""`headway-run -- COMMAND`: a small parent that gives any server a quiet end.

Promises:

  quiet end  on SIGTERM or SIGINT the drain flag (the file named by `$HW_DRAIN_FILE`) goes up first,
             so that health turns negative; a moment later the server gets its SIGTERM; what has
             not ended within `$HW_DRAIN_S` of the first signal is killed.
  no orphan  when this parent dies, however it dies, the server dies; what the server leaves behind
             at its own end is ended too (Linux).
  truth      the server's own exit status is passed on. Dying of the SIGTERM that we sent is a
             clean end, and so status 0.

This file is one more process for every replica: it imports as little as it can.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from headway_sdk.run_child import FORWARDED, HEARD, end_the_rest, leave, named, reap, say, start

TYPE_CHECKING = False  # not from `typing`, which is larger than all of this
if TYPE_CHECKING:
    from typing import NoReturn

    from headway_sdk.run_level import LevelSignals

LevelPair = tuple[signal.Signals, signal.Signals]

DRAIN_S = 5.0
WAIT_S = 0.5  # longer than any health interval a site uses
DRAIN_S_MAX = 3600.0
LEFT_S = 0.5  # for processes whose server has ended without being told to
LOOK_EVERY_S = 1.0

ENDING = (signal.SIGTERM, signal.SIGINT)
# They end, stop or break a process, whatever it says about them.
NOT_FOR_LEVELS = frozenset(
    ("KILL", "STOP", "CONT", "TERM", "INT", "CHLD", "SEGV", "BUS", "ILL", "FPE", "ABRT")
)
TERM_BY_SHELL_CONVENTION = 128 + signal.SIGTERM  # what a JVM or a shell exits with on SIGTERM

USAGE = """\
usage: headway-run [--debug-signal NAME --normal-signal NAME] -- COMMAND [ARGUMENT…]

Runs COMMAND and gives it a quiet end: on SIGTERM its health turns negative, then it is told to end.
$PORT in the arguments is filled in. Options:
  --debug-signal NAME   sent when `headway log-level SERVICE debug` begins, as in USR2
  --normal-signal NAME  sent when it is over; only to a server that handles it (Linux)
Variables:
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


def options_of(arguments: Sequence[str]) -> tuple[LevelPair | None, list[str]]:
    """The signals for debug and for normal, if any, and the rest."""
    rest = list(arguments)
    found: dict[str, signal.Signals] = {}
    while rest and rest[0].partition("=")[0] in ("--debug-signal", "--normal-signal"):
        name, equals, value = rest.pop(0).partition("=")
        if not equals:
            value = rest.pop(0) if rest else ""
        found[name] = _signal_named(name, value)
    if len(found) == 1:
        raise UsageError("--debug-signal and --normal-signal go together: there and back")
    pair = (found["--debug-signal"], found["--normal-signal"]) if found else None
    return pair, rest


def _signal_named(option: str, value: str) -> signal.Signals:
    name = value.upper().removeprefix("SIG")
    if f"SIG{name}" not in signal.Signals.__members__ or name in NOT_FOR_LEVELS:
        raise UsageError(f"{option} {value or '(nothing)'}: name a signal such as USR1 or USR2")
    return signal.Signals[f"SIG{name}"]


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


def main() -> "NoReturn":
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        sys.exit(0)
    try:
        level_pair, rest = options_of(arguments)
        command = command_of(rest, os.environ.get("PORT"))
        limit_s = seconds_of(os.environ, "HW_DRAIN_S", default_s=DRAIN_S)
        wait_s = seconds_of(os.environ, "HW_DRAIN_WAIT_S", default_s=min(WAIT_S, limit_s / 2))
    except UsageError as error:
        say(str(error))
        sys.exit(2)
    wait_s = min(wait_s, limit_s)
    flag = os.environ.get("HW_DRAIN_FILE") or _private_flag()
    parent = Parent(flag=flag, limit_s=limit_s, wait_s=wait_s, levels=_levels(level_pair))
    leave(parent.run(command))


def _levels(pair: LevelPair | None) -> "LevelSignals | None":
    path = os.environ.get("HW_CONTROL", "")
    if pair is None or not path:
        return None
    from headway_sdk.run_level import LevelSignals  # noqa: PLC0415 - see above: stay small

    return LevelSignals(path, *pair)


class Parent:
    def __init__(
        self, *, flag: str, limit_s: float, wait_s: float, levels: "LevelSignals | None"
    ) -> None:
        self._flag = flag
        self._limit_s = limit_s
        self._wait_s = wait_s
        self._levels = levels
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
        for number in named((*HEARD, *FORWARDED)):
            signal.signal(number, _heard)
        _lower(self._flag)  # a flag that an earlier life left behind means nothing now
        self._child = start(command, {**os.environ, "HW_DRAIN_FILE": self._flag})
        try:
            status = self._stand_by(wake)
            if self._killed:
                say(f"killed: it did not end within {self._limit_s:g} s")
            end_the_rest(wake, limit_s=self._left_s(time.monotonic()))
            return verdict(status, we_ended_it=self._told)
        finally:
            _lower(self._flag)

    def _stand_by(self, wake: int) -> int:
        """Until the server has ended; its wait status."""
        while True:
            status = reap(self._child)
            if status is not None:
                return status
            ready, _, _ = select.select([wake], [], [], self._next_step_in_s(time.monotonic()))
            if ready:
                for number in os.read(wake, 512):
                    self._hear(number, time.monotonic())
            self._move_on(time.monotonic())
            if self._levels is not None:
                self._levels.look(self._child)

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
            return None if self._levels is None else LOOK_EVERY_S
        due_s = self._asked_at_s + (self._limit_s if self._told else self._wait_s)
        return max(0.0, due_s - now_s)

    def _left_s(self, now_s: float) -> float:
        """For what the server has left behind."""
        if self._asked_at_s is None:
            return LEFT_S
        return max(0.0, self._asked_at_s + self._limit_s - now_s)

    def _move_on(self, now_s: float) -> None:
        if self._asked_at_s is None:
            return
        if not self._told and now_s >= self._asked_at_s + self._wait_s:
            self._told = True
            os.kill(self._child, signal.SIGTERM)
        if self._told and not self._killed and now_s >= self._asked_at_s + self._limit_s:
            self._killed = True
            os.kill(self._child, signal.SIGKILL)


def _private_flag() -> str:
    """A name that nobody can guess, and so nobody can raise or block. The file does not exist."""
    folder = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - see above
    return os.path.join(folder, f"headway-drain-{os.getpid()}-{os.urandom(8).hex()}")  # noqa: PTH118 - pathlib is slow to import


def _raise(flag: str) -> None:
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        say(f"cannot raise the drain flag {flag}: {error.strerror}; ending without it")


def _lower(flag: str) -> None:
    try:
        os.unlink(flag)  # noqa: PTH108 - likewise
    except OSError:
        return  # never raised, or already gone


def _heard(number: int, frame: object) -> None:
    """The wake pipe has the number; a handler must exist for it to be written."""


if __name__ == "__main__":
    main()
