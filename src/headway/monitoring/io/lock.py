"""One monitor per home: it holds a lock for as long as it lives, with its pid inside."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

LOCK_NAME = "headway-monitor.lock"


def lock_path(home: Path) -> Path:
    return home / LOCK_NAME


def hold(home: Path) -> int | None:
    """The open lock, ours until we end; None: somebody else has it."""
    lock = os.open(lock_path(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    with suppress(OSError):  # a full disk
        os.truncate(lock, os.write(lock, f"{os.getpid()}\n".encode()))
    return lock


def holder(home: Path) -> int | None:
    """The pid of the monitor that looks after this home; None: there is none."""
    try:
        lock = os.open(lock_path(home), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(lock, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    else:
        return None
    finally:
        os.close(lock)
