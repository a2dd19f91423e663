"""What the API shows of tokens, and what it asks of whoever keeps them. Part of `control.py`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from headway.model.actor import Actor, Role, Scope


@dataclass(frozen=True, slots=True)
class TokenView:
    """One token, without its secret, which nobody has but its user."""

    name: str
    role: Role
    places: tuple[str, ...] | None  # "search", "search/test"; None: everywhere
    verbs: tuple[str, ...] | None  # None: all of its role
    made_by: str
    made_at: datetime
    expires_at: datetime
    expired: bool
    last_used_at: datetime | None  # at most an hour too old; None: never


@dataclass(frozen=True, slots=True)
class NewTokenView:
    """The only answer that ever has the secret."""

    secret: str
    token: TokenView


@dataclass(frozen=True, slots=True)
class RevokedView:
    names: tuple[str, ...]  # the token, and those that were made with it


class Keyring(Protocol):
    """Who knows the tokens."""

    async def identify(self, secret: str) -> Actor | None:
        """Whose secret this is; None for any that is wrong, revoked or expired."""
        ...

    async def tokens(self) -> tuple[TokenView, ...]: ...

    async def create(
        self, name: str, role: Role, scope: Scope, *, for_s: float, actor: Actor
    ) -> NewTokenView:
        """`DeniedError` when it would be stronger than who makes it; `scope.until` is not heeded:
        it lives for `for_s`.
        """
        ...

    async def revoke(self, name: str, actor: Actor) -> RevokedView:
        """It counts no more from this moment, and neither do those that were made with it."""
        ...
