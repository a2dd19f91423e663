"""A terminal that is drawn on again and again, and given back as it was: however it ends."""

import os
import select
import shutil
import signal
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from types import FrameType
from typing import Any

from headway.cli.show import cut

ENTER = "\x1b[?1049h\x1b[?25l"  # the other screen, no cursor
LEAVE = "\x1b[?25h\x1b[?1049l"
TO_LINE_END, TO_SCREEN_END, HOME = "\x1b[K", "\x1b[J", "\x1b[H"
QUIT_KEYS = b"qQ"
TERMINATED = 128 + signal.SIGTERM


class Woken(Enum):
    BY_TIME = "by time"
    BY_SIZE = "by size"  # or because it was put into the foreground again
    BY_KEY = "by key"  # q: enough seen


class Screen:
    """Draw, and pause in between. Made by `screen`."""

    def __init__(self, wake_fd: int) -> None:
        self._wake_fd = wake_fd
        self._keys = sys.stdin.fileno() if _has_keys() else None

    @property
    def lines_max(self) -> int:
        return max(2, shutil.get_terminal_size().lines)

    def draw(self, lines: Sequence[str]) -> None:
        """What does not fit is cut, and how much that is stands in the last line."""
        columns = shutil.get_terminal_size().columns
        shown = list(lines[: self.lines_max])
        hidden = len(lines) - len(shown)
        if hidden:
            shown[-1] = f"… and {hidden + 1} more lines"
        text = "\r\n".join(cut(line, columns) + TO_LINE_END for line in shown)
        sys.stdout.write(HOME + text + TO_SCREEN_END)
        sys.stdout.flush()

    def pause(self, until_s: float) -> Woken:
        """Until that moment of the steady clock, or until something is to be done before."""
        while (left_s := until_s - time.monotonic()) > 0:
            watched = [self._wake_fd, *([] if self._keys is None else [self._keys])]
            ready, _, _ = select.select(watched, [], [], left_s)
            if self._wake_fd in ready:
                os.read(self._wake_fd, 1024)
                return Woken.BY_SIZE
            if self._keys in ready:
                typed = os.read(self._keys, 1024)
                if any(key in QUIT_KEYS for key in typed):
                    return Woken.BY_KEY
                if not typed:
                    self._keys = None  # nobody will type any more
        return Woken.BY_TIME


@contextmanager
def screen() -> Iterator[Screen]:
    before = _silent_keys()
    wake_fd, told_fd = os.pipe()
    os.set_blocking(told_fd, False)

    def terminated(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise SystemExit(TERMINATED)

    def stopped(number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: the shell gets its screen, and we come back to ours."""
        _write(LEAVE)
        _loud_keys(before)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # here it stops, and goes on
        signal.signal(number, stopped)
        _silent_keys()
        _write(ENTER)
        del frame

    handlers = {
        signal.SIGWINCH: lambda *_: None,
        signal.SIGTSTP: stopped,
        signal.SIGTERM: terminated,
        signal.SIGHUP: terminated,
    }
    kept = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    woken = signal.set_wakeup_fd(told_fd, warn_on_full_buffer=False)
    try:
        _write(ENTER)
        yield Screen(wake_fd)
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in kept.items():
            signal.signal(number, handler)
        with suppress(OSError):  # the terminal may be gone
            _write(LEAVE)
        _loud_keys(before)
        os.close(wake_fd)
        os.close(told_fd)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _has_keys() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _silent_keys() -> list[Any] | None:
    """Keys come at once and do not show. What was before; None without a keyboard."""
    if not _has_keys():
        return None
    before = termios.tcgetattr(sys.stdin)
    silent = termios.tcgetattr(sys.stdin)
    silent[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    return before


def _loud_keys(before: list[Any] | None) -> None:
    if before is not None:
        with suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)
