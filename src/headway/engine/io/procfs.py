"""What /proc says about processes. Nothing here raises when a process ends while it is read."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

MARKER = "HW_LIFE"  # an environment variable that every process of a tree inherits
ENVIRON_BYTES_MAX = 4 << 20


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def starttime(pid: int) -> int | None:
    """Ticks since boot; None when there is no such process, or only what is left of it."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def is_unwaited_child(pid: int, started: int) -> bool:
    """It was our child, has ended, and its status still waits for us."""
    fields = _stat(pid)
    return (
        fields is not None
        and fields[0] == "Z"
        and int(fields[1]) == os.getpid()
        and started in (0, int(fields[19]))  # 0: it had ended before anybody looked
    )


def session(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[3])


def environ(pid: int) -> dict[str, str]:
    """As it was when the process began; empty when it may not be read."""
    pairs = (pair.partition(b"=") for pair in _environ(pid).split(b"\0") if b"=" in pair)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def open_pidfd(pid: int, started: int) -> int | None:
    """A handle on exactly that process: opened first, compared then, so that no reuse slips in."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return None
    if starttime(pid) == started or is_unwaited_child(pid, started):
        return fd
    os.close(fd)
    return None


def kill(pid: int, started: int) -> None:
    fd = open_pidfd(pid, started)
    if fd is None:
        return
    with contextlib.suppress(OSError):
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    os.close(fd)


def marked(prefix: str) -> dict[str, list[int]]:
    """Every process whose environment carries a life's marker that begins so, by marker."""
    needle = f"{MARKER}={prefix}".encode()
    found: dict[str, list[int]] = {}
    for pid in pids():
        data = _environ(pid)
        if needle not in data:
            continue
        for pair in data.split(b"\0"):
            if pair.startswith(needle):
                found.setdefault(pair.partition(b"=")[2].decode(), []).append(pid)
                break
    return found


def in_session(session_id: int) -> list[int]:
    return [pid for pid in pids() if session(pid) == session_id]


def pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208  ten times faster


def _stat(pid: int) -> list[str] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  read hundreds of times a second
            return file.read(4096).decode("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return None


def _environ(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  likewise
            return file.read(ENVIRON_BYTES_MAX)
    except OSError:
        return b""
