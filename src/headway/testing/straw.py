"""What the daemon of straw is stuffed with: descriptions read the short way, tokens in memory."""

import hashlib
from collections.abc import Sequence

import yaml

from headway.access.token import Token
from headway.api.control import SiteSource
from headway.api.custody_views import BackupView, RestoreView, UpgradeView
from headway.model.actor import Actor
from headway.model.errors import SiteError
from headway.model.ids import EnvironmentId
from headway.planning.diff import Difference
from headway.planning.diff import Kind as DifferenceKind


class MemoryTokens:
    """Satisfies `headway.api.keyring.TokenStore`."""

    def __init__(self) -> None:
        self._tokens: tuple[Token, ...] = ()

    def load(self) -> tuple[Token, ...]:
        return self._tokens

    def save(self, tokens: Sequence[Token]) -> None:
        self._tokens = tuple(tokens)


class StrawCustody:
    """Satisfies `headway.api.custody_views.Custody`; nothing really happens."""

    async def backup(self, file: str, actor: Actor) -> BackupView:
        del actor
        return BackupView(file, 4096, ("shop/production",))

    async def restore(self, file: str, actor: Actor) -> RestoreView:
        del actor
        return RestoreView(file, ("shop/production",), (), "/nowhere/journal.before.db")

    async def upgrade(self, actor: Actor) -> UpgradeView:
        del actor
        return UpgradeView("0.0.0", "0.0.0")

    async def purge(self, environment: EnvironmentId, actor: Actor) -> str:
        del actor
        return f"{environment} is purged"


def service_of(replica: str) -> str:
    return replica.rpartition("-")[0]


def digest_of(source: SiteSource) -> str:
    return hashlib.sha256(source.text.encode()).hexdigest()[:7]


def counts_of(source: SiteSource) -> dict[str, int]:
    read = yaml.safe_load(source.text)
    if not isinstance(read, dict) or "services" not in read:
        raise SiteError(f"{source.file} describes no services", remedy="headway check says more")
    return {name: int(service.get("replicas", 1)) for name, service in read["services"].items()}


def change_of(kind: DifferenceKind, name: str, before: int, after: int) -> Difference:
    more, fewer = max(0, after - before), max(0, before - after)
    return Difference(
        kind=kind,
        subject=name,
        what="replicas" if kind is DifferenceKind.CHANGED else "service",
        before="" if kind is DifferenceKind.ADDED else str(before),
        after="" if kind is DifferenceKind.REMOVED else str(after),
        effect=f"{more} replicas start" if more else f"{fewer} replicas stop",
    )
