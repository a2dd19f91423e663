"""One small file per service that is told something; none for all others.

Whole states are compared: whatever was lost, damaged or left behind is put right at the next look.
A file is replaced by renaming, so that no reader sees half of it. A service can put anything in
its place: neither a link is followed nor a pipe waited for, and the others are told all the same.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from headway.engine.control import content
from headway.model.desired import Controls
from headway.model.errors import EngineError
from headway.model.ids import ServiceName

FILE_BYTES_MAX = 4096


class ControlFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, service: ServiceName) -> Path:
        return self._folder / f"{service}.json"

    def differ(self, words: Mapping[ServiceName, Controls]) -> bool:
        """Cheap while nobody is told anything: one look into an empty folder."""
        wanted = self._wanted(words)
        return self._present() != set(wanted) or any(
            _read(self._folder / name) != text for name, text in wanted.items()
        )

    def lay(self, words: Mapping[ServiceName, Controls]) -> None:
        """Raises EngineError; the next call goes on from there."""
        wanted = self._wanted(words)
        failures: list[OSError] = []
        # First those that are told nothing any more: this needs no room on the disk.
        for name in (*(self._present() - set(wanted)), *wanted):
            try:
                self._settle(name, wanted.get(name, b""))
            except OSError as error:  # one in the way must not silence the others
                failures.append(error)
        if failures:
            said = f"{failures[0].filename}: {failures[0].strerror}"
            raise EngineError(
                f"services cannot be told anything: {said}",
                remedy="make room on the disk, or look at what lies there",
            ) from failures[0]

    def remove(self) -> None:
        """Nobody is left to be told anything."""
        with contextlib.suppress(EngineError, OSError):
            self.lay({})
            self._folder.rmdir()

    def _wanted(self, words: Mapping[ServiceName, Controls]) -> dict[str, bytes]:
        texts = ((self.path(service).name, content(said)) for service, said in words.items())
        return {name: text for name, text in texts if text}

    def _present(self) -> set[str]:
        try:
            return set(os.listdir(self._folder))  # noqa: PTH208  at every turn of the loop
        except OSError:  # not there yet; anything worse is said when it is written
            return set()

    def _settle(self, name: str, text: bytes) -> None:
        path = self._folder / name
        if not text:
            path.unlink(missing_ok=True)
        elif _read(path) != text:
            self._write(name, text)

    def _write(self, name: str, text: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        temporary = self._folder / f"{name}.new"
        try:
            temporary.unlink(missing_ok=True)
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as stream:
                stream.write(text)
            temporary.replace(self._folder / name)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def _read(path: Path) -> bytes:
    """Empty when it cannot be read: then it is written anew."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.read(fd, FILE_BYTES_MAX)
        finally:
            os.close(fd)
    except OSError:
        return b""
