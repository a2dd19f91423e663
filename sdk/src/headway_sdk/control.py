"""What Headway tells a service while it runs: the small file that `$HW_CONTROL` names.

It says a log level and until when. Looked at once a second; gone, damaged or over means: its own
level. Every word ends by itself, on the steady clock of this process, whether or not anybody is
still there to take it back. CONTRACT.md has the format, for services in other languages.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime

LOOK_EVERY_S = 1.0
LEVELS = ("debug", "info", "warning", "error")
FILE_BYTES_MAX = 4096
WORD_S_MAX = 24 * 3600.0
VERSION = 1


@dataclass(frozen=True, slots=True)
class Word:
    """Nothing to heed when `level` is empty; `problem` says why, if that is not as it should be."""

    level: str = ""
    for_s: float = 0.0
    until: str = ""  # for people
    problem: str = ""


NOTHING = Word()


def word_of(text: bytes, *, now_s: float) -> Word:
    """What the file says, at a time of day. Whatever is not understood is not heeded."""
    try:
        said = json.loads(text)
        version, level, until = said["version"], said["log_level"], said["log_level_until"]
        left_s = datetime.fromisoformat(until).timestamp() - now_s
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Word(problem="is not understood")
    if version != VERSION or level not in LEVELS:
        return Word(problem="is not understood")
    return Word(level, min(left_s, WORD_S_MAX), until) if left_s > 0 else NOTHING


class ControlFile:
    """Tells what holds now; reads the file only when it was replaced."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._word = NOTHING
        self._ends_s = 0.0  # on the steady clock

    def look(self, *, steady_s: float, now_s: float) -> Word:
        seen = self._stat()
        if seen != self._seen:
            self._seen = seen
            self._word = self._read(now_s) if seen else NOTHING
            self._ends_s = steady_s + self._word.for_s
        if self._word.level and steady_s >= self._ends_s:
            self._word = NOTHING
        return self._word

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            facts = os.stat(self._path)  # noqa: PTH116 - pathlib is slow to import
        except (OSError, ValueError):
            return None
        return facts.st_ino, facts.st_mtime_ns, facts.st_size

    def _read(self, now_s: float) -> Word:
        try:
            # Not blocking: what lies there may be a pipe that nobody writes to.
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                return word_of(os.read(fd, FILE_BYTES_MAX), now_s=now_s)
            finally:
                os.close(fd)
        except OSError as error:
            return Word(problem=f"cannot be read: {error.strerror}")
