"""Log files that cannot fill a disk: copied and cut when too long, one previous part is kept.

Cut in place, because the process holds the file open; what it writes between copy and cut is lost.
"""

import contextlib
import os
from pathlib import Path

LOG_BYTES_MAX = 16 << 20
TAIL_BYTES_MAX = 4 << 20
COPY_BYTES = 1 << 20


def too_long(file: Path) -> bool:
    try:
        return os.stat(file).st_size > LOG_BYTES_MAX  # noqa: PTH116  hundreds of times a second
    except OSError:
        return False


def cut(file: Path) -> None:
    """Keep the last part in `<file>.1`, unless there is no room, and begin anew."""
    previous = file.with_name(file.name + ".1")
    try:
        with file.open("rb") as old, previous.open("wb") as new:
            previous.chmod(0o600)
            old.seek(max(0, os.fstat(old.fileno()).st_size - LOG_BYTES_MAX))
            # The process may write faster than we copy: stop at the size that was agreed on.
            _copy(old.fileno(), new.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            previous.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        os.truncate(file, 0)


def tail(file: Path, lines_max: int) -> list[str]:
    """The last lines, also of the part before the last cut; nothing when there is no log."""
    text = _tail_bytes(file)
    if text.count(b"\n") < lines_max:
        text = _tail_bytes(file.with_name(file.name + ".1")) + text
    lines = text.decode("utf-8", "replace").splitlines()
    return lines[-lines_max:] if lines_max > 0 else []


def _copy(source: int, target: int) -> None:
    left = LOG_BYTES_MAX
    while left > 0 and (data := os.read(source, min(left, COPY_BYTES))):
        os.write(target, data)
        left -= len(data)


def _tail_bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - TAIL_BYTES_MAX))
            return stream.read(TAIL_BYTES_MAX)
    except OSError:
        return b""
