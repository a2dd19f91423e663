"""What a headwayd says to each keeper it meets."""

import os
from dataclasses import dataclass

from headway.engine.io.wire import Message


@dataclass(frozen=True, slots=True)
class Guard:
    """How the keeper is to bring this daemon back when it dies."""

    argv: tuple[str, ...]
    env_names: tuple[str, ...]
    directory: str


def greeting(epoch: int, guard: Guard | None, cpu_weight: float) -> Message:
    """`cpu_weight`: of the whole environment, where others want the same cores."""
    hello: Message = {"epoch": epoch, "cpu_weight": cpu_weight}
    if guard is not None:
        hello["guard"] = {
            "pid": os.getpid(),
            "argv": list(guard.argv),
            "env_names": list(guard.env_names),
            "directory": guard.directory,
        }
    return hello
