"""The files that Envoy watches: each is replaced whole or not at all.

They lie on the disk, in the environment's own directory, though they could be derived again: Envoy
must come up with its last good configuration while everything else is dead, and what lies in memory
does not live that long (the runtime directory goes with a user's last session, and /dev/shm is
swept then too). The price is that a disk can be full when a dead replica must leave. For that,
spare files of fixed size are kept: their blocks are taken already, so one of them is written in
place and renamed, which needs no new block.
"""

import errno
from pathlib import Path

from headway.model.errors import TrafficError

SPARES = 16
SPARE_BYTES = 64 * 1024  # endpoints of more than a thousand replicas
FRESH = ".new"  # ends the name of a file that is not whole yet
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FILE_MODE = 0o600
FOLDER_MODE = 0o700


class Shelf:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._spares = directory / "spare"

    def prepare(self) -> None:
        """Make the folders and, as far as there is room, the spare files."""
        for folder in (self._directory, self._spares, self._directory / "endpoints"):
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._fill_spares()

    def read(self, path: str) -> bytes | None:
        try:
            return (self._directory / path).read_bytes()
        except OSError:
            return None  # not there or damaged: it will be written again

    def list(self, folder: str) -> list[str]:
        found = (self._directory / folder).iterdir()
        return sorted(f"{folder}/{p.name}" for p in found if p.suffix != FRESH)

    def write(self, path: str, content: bytes, *, urgent: bool) -> None:
        """Replace the file. What is urgent gets through on a full disk too."""
        target = self._directory / path
        fresh = target.with_suffix(FRESH)
        try:
            try:
                fresh.write_bytes(content)
            except OSError as error:
                fresh.unlink(missing_ok=True)
                if error.errno not in FULL or not urgent:
                    raise
                fresh = self._use_spare(content)
            fresh.chmod(FILE_MODE)
            fresh.rename(target)
        except OSError as error:
            raise TrafficError(
                f"cannot write {target}: {error.strerror}",
                remedy=f"Free some space on the disk of {self._directory}; it is tried again.",
            ) from error
        self._fill_spares()

    def remove(self, path: str) -> None:
        (self._directory / path).unlink(missing_ok=True)

    def _use_spare(self, content: bytes) -> Path:
        spare = next(iter(sorted(self._spares.iterdir())), None)
        if spare is None or len(content) > SPARE_BYTES:
            raise OSError(errno.ENOSPC, "No space left on device, and no spare file fits")
        with spare.open("r+b") as file:
            file.write(content)
            file.truncate()
        return spare

    def _fill_spares(self) -> None:
        for number in range(SPARES):
            spare = self._spares / f"{number:02}"
            if spare.exists():
                continue
            try:
                spare.write_bytes(b" " * SPARE_BYTES)
            except OSError:
                spare.unlink(missing_ok=True)  # half a spare is none
                return
