"""The keeper's memory: written before a process is started, so that a successor finds it.

No fsync: what a crash of the whole machine could lose are records of processes that it ended too.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headway.engine.io.record import Record, from_json

FILE_NAME = "keeper.json"
FILE_BYTES_MAX = 64 << 20
VERSION = 1


@dataclass(frozen=True, slots=True)
class State:
    epoch: int
    boot_id: str
    records: tuple[Record, ...]


def load(directory: Path) -> State:
    """What was saved last. A file that cannot be read is put aside."""
    file = directory / FILE_NAME
    try:
        with file.open("rb") as stream:
            return _parse(json.loads(stream.read(FILE_BYTES_MAX)))
    except FileNotFoundError:
        return State(0, "", ())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        file.replace(directory / f"{FILE_NAME}.broken")
        return State(0, "", ())


def save(directory: Path, state: State) -> None:
    """All or nothing. Raises OSError, and what was there stays."""
    data = {
        "version": VERSION,
        "epoch": state.epoch,
        "boot_id": state.boot_id,
        "lives": [record.to_json() for record in state.records],
    }
    temporary = directory / f"{FILE_NAME}.new"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as stream:
            stream.write(json.dumps(data, separators=(",", ":")).encode())
        temporary.replace(directory / FILE_NAME)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _parse(data: dict[str, Any]) -> State:
    if data["version"] != VERSION:
        raise ValueError(data["version"])
    return State(
        int(data["epoch"]), str(data["boot_id"]), tuple(from_json(life) for life in data["lives"])
    )
