"""`status --watch`: what it draws, what it marks, and that it waits for a headwayd that is away."""

import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest

from headway.cli.trouble import Trouble
from headway.cli.watch import Memory
from headway.testing.control import StrawControl
from headway.testing.served import served

Headway = Callable[..., Any]

HEADWAY = Path(sys.executable).with_name("headway")
SHOWN_S_MAX = 30.0
NOW = datetime(2026, 1, 1, 12, 1, 3, tzinfo=UTC)
ENTERED, LEFT = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


class Operator:
    """Sits at a terminal, and reads what stands on it."""

    def __init__(self, process: "subprocess.Popen[bytes]", fd: int) -> None:
        self.process = process
        self._fd = fd
        self.shown = ""

    def sees(self, text: str) -> str:
        """Everything since the last time that something was seen."""
        deadline = time.monotonic() + SHOWN_S_MAX
        while text not in self.shown:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"no {text!r} in {self.shown[-3000:]!r}"
            if select.select([self._fd], [], [], left_s)[0]:
                try:
                    self.shown += os.read(self._fd, 65_536).decode()
                except OSError:  # it has ended
                    assert text in self.shown, self.shown[-3000:]
        before, _, self.shown = self.shown.partition(text)
        return before

    def presses(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def resizes(self, lines: int, columns: int) -> None:
        ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._fd)[3] & termios.ECHO)


@contextmanager
def at_terminal(*words: str, lines: int = 24, columns: int = 80) -> Iterator[Operator]:
    mine, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environ = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES", "NO_COLOR"}}
    process = subprocess.Popen(
        [HEADWAY, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environ | {"TERM": "xterm"},
        start_new_session=True,
        # Ctrl-C only reaches who has a terminal of their own.
        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads there yet
    )
    try:
        yield Operator(process, mine)
    finally:
        process.kill()
        process.wait()
        for fd in (mine, theirs):
            with suppress(OSError):
                os.close(fd)


@pytest.mark.usefixtures("daemon")
def test_ctrl_c_and_q_leave_the_terminal_as_it_was(headway: Headway) -> None:
    headway("up")
    for keys, code in ((b"\x03", 130), (b"q", 0)):
        with at_terminal("status", "--watch") as operator:
            operator.sees(ENTERED)
            operator.sees("shop/production")
            assert not operator.echoes()
            operator.presses(b"x\r" + keys)
            operator.sees(LEFT)
            assert operator.process.wait(timeout=SHOWN_S_MAX) == code
            assert operator.echoes()


@pytest.mark.usefixtures("daemon")
def test_a_smaller_terminal_is_drawn_on_at_once_and_nothing_wraps(headway: Headway) -> None:
    headway("up")
    with at_terminal("status", "--watch", "--replicas", "--interval", "1h") as operator:
        operator.sees("RESTARTS")
        operator.resizes(6, 30)
        page = operator.sees("more lines").rpartition("\x1b[H")[2]
        lines = [line.partition("\x1b[K")[0] for line in page.split("\r\n")]
        plain = [line.replace("\x1b[2m", "").replace("\x1b[0m", "") for line in lines]
        assert len(plain) == 6
        assert max(len(line) for line in plain if "\x1b" not in line) <= 30


def test_a_headwayd_that_goes_away_is_waited_for(
    headway: Headway, control: StrawControl, tmp_path: Path
) -> None:
    with ExitStack() as first:
        first.enter_context(served(control, tmp_path / "home"))
        headway("up")
        with at_terminal("status", "--watch") as operator:
            operator.sees("frontend")
            first.close()
            operator.sees("headwayd is not reachable since ")
            operator.sees("as it was at ")
            operator.sees("frontend")
            with served(control, tmp_path / "home"):
                operator.sees("every 1 s")
                while "not reachable" in operator.sees("every 1 s"):
                    pass
                operator.sees("frontend")


@pytest.mark.usefixtures("daemon")
def test_elsewhere_one_block_follows_another_and_what_changed_is_marked(headway: Headway) -> None:
    headway("up", "--wait", "1ms")
    lines = _piped("status", "--watch")
    assert lines[0].startswith("--- 20")
    assert [line for line in lines if line.startswith("--- ")][1:]
    # The straw daemon makes one more replica ready at each look.
    assert any(line.startswith("*  ads ") for line in lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.usefixtures("daemon")
def test_in_json_every_look_is_a_line(headway: Headway) -> None:
    headway("up")
    seen = [json.loads(line) for line in _piped("status", "--watch", "-o", "json", lines=2)]
    assert [one["id"]["site"] for one in seen] == ["shop", "shop"]
    every = json.loads(_piped("status", "--all", "--watch", "-o", "json", lines=1)[0])
    assert every[0]["id"] == {"site": "shop", "name": "production"}


def _piped(*words: str, lines: int = 14) -> list[str]:
    """The first lines; then nobody reads any more."""
    with subprocess.Popen([HEADWAY, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = [process.stdout.readline().rstrip("\n") for _ in range(lines)]
        process.stdout.close()
        assert process.wait(timeout=SHOWN_S_MAX) == 0
    return found


@pytest.mark.parametrize("text", ["0.5s", "10", "2d"])
def test_looking_more_often_than_once_a_second_is_refused(headway: Headway, text: str) -> None:
    assert headway("status", "--watch", "--interval", text).code == 2


def test_what_changed_and_what_is_gone_is_known_from_look_to_look() -> None:
    memory = Memory()
    memory.take({}, {"a": "1", "b": "1"}, NOW)
    assert (memory.changed, memory.gone) == (frozenset(), ())
    memory.take({}, {"a": "2", "c": "1"}, NOW)
    assert memory.changed == {"a", "c"}
    assert memory.gone == ("b",)


def test_since_when_nobody_answers_is_the_first_time_and_forgotten_afterwards() -> None:
    memory = Memory()
    memory.take({}, {"a": "1"}, NOW)
    for seconds in (1, 2):
        memory.miss(Trouble("unreachable", "away"), NOW + timedelta(seconds=seconds))
    assert memory.since == NOW + timedelta(seconds=1)
    memory.take({}, {"a": "1"}, NOW + timedelta(seconds=3))
    assert [memory.since, memory.trouble, *memory.changed] == [None, None]
