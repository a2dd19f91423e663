"""What every candidate can be asked to do, whoever it is."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.load import Target
from benchmarks.site_under_test import Description


@dataclass(frozen=True, slots=True)
class Member:
    """One backend: the process to break, and the port on which it is told to misbehave."""

    name: str  # as its answers say in `x-replica`
    pid: int
    port: int


class Running(Protocol):
    """A candidate that serves, with as many members as were described."""

    @property
    def target(self) -> Target: ...

    @property
    def handled_file(self) -> Path:
        """Where the members write the id of each POST that they carried out."""
        ...

    async def members(self) -> Sequence[Member]: ...

    async def replace_all(self) -> None:
        """Another process in the place of each member, by its own way of doing so gently."""
        ...

    async def add_one(self) -> None:
        """One member more; returns as soon as it may get requests."""
        ...

    def processes(self) -> Mapping[str, Sequence[int]]:
        """Pids by role, without the members: what it takes to run this candidate."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    running: Callable[[Description], AbstractAsyncContextManager[Running]]
    checks_health: bool = True
    rate_most_s: float = float("inf")  # more would measure its own proxy, not what it does
    rounds_most: int = 1000  # where coming up takes so long that more would take the whole evening
