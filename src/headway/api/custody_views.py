"""What the API asks of whoever has custody of the journal and of headwayd's own code."""

from dataclasses import dataclass
from typing import Protocol

from headway.model.actor import Actor
from headway.model.ids import EnvironmentId


@dataclass(frozen=True, slots=True)
class BackupView:
    file: str
    size_bytes: int
    environments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RestoreView:
    """Accepted: headwayd goes on with it under the same pid; its `started_at` tells when."""

    file: str
    environments: tuple[str, ...]  # that are wanted from now on
    taken_along: tuple[str, ...]  # run now, and the backup does not know them
    kept_as: str  # where the journal before it lies


@dataclass(frozen=True, slots=True)
class UpgradeView:
    """Accepted: headwayd goes on with the code on disk; its `started_at` tells when."""

    before: str
    after: str  # "": the code on disk is still being looked at, and one has to ask again


class Custody(Protocol):
    """Nothing that runs is ended by any of these. Raises HeadwayError; then all is as it was."""

    async def backup(self, file: str, actor: Actor) -> BackupView: ...

    async def restore(self, file: str, actor: Actor) -> RestoreView: ...

    async def upgrade(self, actor: Actor) -> UpgradeView: ...

    async def purge(self, environment: EnvironmentId, actor: Actor) -> str:
        """Drop what an environment has left that is down already. Says so in a sentence."""
        ...
