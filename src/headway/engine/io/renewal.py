"""How a keeper goes on with newer code: the same process, so that its children stay its children.

What is on disk is in its state file. What must never be written down (environments) and what a
file cannot hold (open files: its lock, its ports, its socket) goes through `exec` in memory.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, NoReturn

MODULE = "headway.engine.io.keeper"
MEMORY_BYTES_MAX = 64 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """Open files that go along."""

    lock: int
    guard: int  # the socket that holds the first port
    server: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What an earlier version of this process knew and had not written down."""

    commands: dict[str, dict[str, Any]] = field(default_factory=dict)  # of kept processes
    # Their main process was waited for, the rest of the tree has not ended: time, status, note.
    dying: dict[str, tuple[float, int | None, str]] = field(default_factory=dict)
    guarded: dict[str, Any] | None = None  # headwayd
    files: tuple[int, ...] = ()  # besides those of `Held`


def become(
    python: str, words: Sequence[str], held: Held, memory: Memory, files: Sequence[int] = ()
) -> NoReturn:
    """Raises OSError: then nothing has happened."""
    known = {"commands": memory.commands, "dying": memory.dying, "guarded": memory.guarded}
    memory_file = os.memfd_create("keeper")
    going = (*astuple(held), memory_file, *files)
    try:
        os.write(memory_file, json.dumps(known).encode())
        os.lseek(memory_file, 0, os.SEEK_SET)
        for file in going:
            os.set_inheritable(file, True)
        numbers = ",".join(map(str, going))
        os.execv(python, [python, "-P", "-m", MODULE, *words, numbers])  # noqa: S606 - no shell is wanted
    finally:  # still here: it was refused
        for file in going:
            os.set_inheritable(file, False)
        os.close(memory_file)


def resume(word: str) -> tuple[Held, Memory]:
    """What `become` put there; `word` is the last of the command line."""
    lock, guard, server, memory_file, *files = (int(number) for number in word.split(","))
    for file in (lock, guard, server, memory_file, *files):
        os.set_inheritable(file, False)
    with os.fdopen(memory_file, "rb") as stream:
        known = json.loads(stream.read(MEMORY_BYTES_MAX))
    dying = {name: (at_s, status, note) for name, (at_s, status, note) in known["dying"].items()}
    return Held(lock, guard, server), Memory(
        known["commands"], dying, known["guarded"], tuple(files)
    )
