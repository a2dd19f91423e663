"""The store's folder: one writer, files that are whole or not there, a place for damaged ones."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headway.model.errors import StorageError, StorageFullError

UNBORN = ".tmp"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Folder:
    """`blocks/`, `log/`, `damaged/` below one directory that belongs to this process alone."""

    def __init__(self, directory: Path) -> None:
        self.path = directory
        self.blocks = directory / "blocks"
        self.log = directory / "log"
        self.damaged = directory / "damaged"
        with in_words(directory):
            for folder in (directory, self.blocks, self.log, self.damaged):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(self._lock)
                raise StorageError(
                    f"{directory} is in use by another process",
                    remedy="ask that one (it serves queries), or end it first",
                ) from error
            for folder in (self.blocks, self.log):
                for left in folder.glob(f"*{UNBORN}"):
                    left.unlink(missing_ok=True)

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._lock)

    def set_aside(self, file: Path) -> Path:
        """Out of the way, for somebody to look at; never over another one."""
        target = self.damaged / file.name
        number = 0
        while target.exists():
            number += 1
            target = self.damaged / f"{file.name}.{number}"
        file.rename(target)
        sync_directory(file.parent)
        return target


def write_whole(file: Path, fill: Callable[[int], None]) -> None:
    """`fill` writes into a descriptor; the file has its name only when all of it is on the disk."""
    unborn = file.with_name(file.name + UNBORN)
    try:
        with in_words(file):
            descriptor = os.open(
                unborn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
            )
            try:
                fill(descriptor)
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            unborn.rename(file)
            sync_directory(file.parent)
    finally:
        with suppress(OSError):
            unborn.unlink(missing_ok=True)


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """What the system refuses, as an error that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _NO_ROOM:
            raise StorageFullError(
                f"{path} was not written: {reason}",
                remedy="make room on its file system; samples are taken again as soon as there is",
            ) from error
        raise StorageError(
            f"{path}: {reason}", remedy="see that the folder belongs to this user and is whole"
        ) from error
