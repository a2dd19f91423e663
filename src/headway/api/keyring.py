"""The tokens of one home: made, told apart, taken away. Every change is in the journal.

Has the only copy in memory of what the store keeps; nobody else writes there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from headway.access.authorize import VERB_KEYS, Denied
from headway.access.token import (
    LIFE_MAX,
    SECRET_BYTES,
    TOKENS_MAX,
    Token,
    digest_of,
    identify,
    is_secret,
    may_grant,
    secret_from,
    used,
    with_offspring,
)
from headway.api.control import BadRequestError, ConflictError, DeniedError, NotFoundError
from headway.api.token_views import NewTokenView, RevokedView, TokenView
from headway.model.actor import Actor, Role, Scope
from headway.model.errors import HeadwayError
from headway.model.event import Event

T = TypeVar("T")

log = logging.getLogger("headway.api")


class TokenStore(Protocol):
    """Where tokens lie while headwayd is away. Raises HeadwayError."""

    def load(self) -> tuple[Token, ...]: ...

    def save(self, tokens: Sequence[Token]) -> None: ...


class StoredKeyring:
    """Implements `headway.api.token_views.Keyring`."""

    def __init__(
        self,
        store: TokenStore,
        *,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        record: Callable[[Sequence[Event]], Awaitable[None]],
    ) -> None:
        self._store = store
        self._now = now
        self._random_bytes = random_bytes
        self._record = record
        self._changing = asyncio.Lock()
        self._tokens: dict[str, Token] = {}
        self._unreadable: HeadwayError | None = None
        try:
            self._tokens = {token.name: token for token in store.load()}
        except HeadwayError as error:
            # What runs is looked after all the same; until it is repaired no token counts.
            log.error("%s; %s", error, error.remedy)  # noqa: TRY400 - said in full
            self._unreadable = error

    async def identify(self, secret: str) -> Actor | None:
        if not is_secret(secret):
            return None
        now = self._now()
        token = identify(self._tokens.values(), secret, now)
        if token is None:
            return None
        newer = used(token, now)
        if newer is not None:
            await _to_the_end(self._note_use(newer))
        return token.actor

    async def tokens(self) -> tuple[TokenView, ...]:
        self._check_readable()
        now = self._now()
        return tuple(_view(self._tokens[name], now) for name in sorted(self._tokens))

    async def create(
        self, name: str, role: Role, scope: Scope, *, for_s: float, actor: Actor
    ) -> NewTokenView:
        return await _to_the_end(self._create(name, role, scope, for_s=for_s, actor=actor))

    async def revoke(self, name: str, actor: Actor) -> RevokedView:
        return await _to_the_end(self._revoke(name, actor))

    async def _create(
        self, name: str, role: Role, scope: Scope, *, for_s: float, actor: Actor
    ) -> NewTokenView:
        async with self._changing:
            self._check_readable()
            now = self._now()
            scope = replace(scope, until=now + timedelta(seconds=for_s))
            self._check_new(name, role, scope, actor, now)
            secret = secret_from(self._random_bytes(SECRET_BYTES))
            token = Token(name, role, scope, digest_of(secret), actor.name, now)
            text = f"made for {_described(token)} until {scope.until:%Y-%m-%d %H:%M} UTC"
            await self._record([Event(now, None, "token-created", name, text, actor.name, {})])
            await self._save({**self._tokens, name: token})
            return NewTokenView(secret, _view(token, now))

    async def _revoke(self, name: str, actor: Actor) -> RevokedView:
        async with self._changing:
            self._check_readable()
            if name not in self._tokens:
                raise NotFoundError(f"there is no token `{name}`", remedy="headway token list")
            gone = with_offspring(tuple(self._tokens.values()), name)
            for one in sorted(gone):
                token = self._tokens[one]
                denied = may_grant(actor, token.role, token.scope)
                if denied is not None:
                    raise DeniedError(
                        f"token {one} may more than {actor.name}, who cannot revoke it",
                        remedy=denied.remedy,
                    )
            left = {n: t for n, t in self._tokens.items() if n not in gone}
            # Stops at once, also when nothing can be written down.
            self._tokens = left
            now = self._now()
            reason = "" if len(gone) == 1 else f" with {', '.join(sorted(gone - {name}))}"
            event = Event(now, None, "token-revoked", name, f"revoked{reason}", actor.name, {})
            try:
                await self._save(left)
            except HeadwayError as error:
                raise HeadwayError(
                    f"{name} counts no more, but only until headwayd starts again: {error}",
                    remedy="make room, then revoke it once more",
                ) from error
            await self._record([event])
            return RevokedView((name, *sorted(gone - {name})))

    def _check_readable(self) -> None:
        if self._unreadable is not None:
            raise self._unreadable

    def _check_new(self, name: str, role: Role, scope: Scope, actor: Actor, now: datetime) -> None:
        unknown = sorted((scope.verbs or frozenset()) - set(VERB_KEYS))
        if unknown:
            raise BadRequestError(
                f"there is no verb `{unknown[0]}`", remedy=f"there are {', '.join(VERB_KEYS)}"
            )
        assert scope.until is not None, "the caller has just set it"
        if scope.until > now + LIFE_MAX:
            raise BadRequestError(
                f"a token lives for at most {LIFE_MAX.days} days",
                remedy="make a new one before it ends",
            )
        denied = may_grant(actor, role, scope)
        if isinstance(denied, Denied):
            raise DeniedError(denied.reason, remedy=denied.remedy)
        known = self._tokens.get(name)
        if known is not None and not known.is_expired(now):
            raise ConflictError(
                f"there is a token `{name}` already",
                remedy=f"headway token revoke {name}, or another name",
            )
        if known is None and len(self._tokens) >= TOKENS_MAX:
            raise ConflictError(
                f"there are {TOKENS_MAX} tokens, which is the most",
                remedy="headway token list shows those that are used no more; revoke them",
            )

    async def _save(self, tokens: dict[str, Token]) -> None:
        await asyncio.to_thread(self._store.save, tuple(tokens.values()))
        self._tokens = tokens

    async def _note_use(self, newer: Token) -> None:
        """At most once an hour for each token; that it was used counts more than where it stands
        on the disk.
        """
        self._tokens[newer.name] = newer
        async with self._changing:
            try:
                await self._save(dict(self._tokens))
            except HeadwayError as error:
                log.warning("%s; %s", error, error.remedy)


async def _to_the_end(change: Coroutine[Any, Any, T]) -> T:
    """Also when nobody waits for it any more: a disk may take longer than whoever asked.

    Else the next change would begin, and be overtaken by this one on its way to the disk: a token
    that was revoked meanwhile would be back after a restart.
    """
    return await asyncio.shield(asyncio.ensure_future(change))


def _view(token: Token, now: datetime) -> TokenView:
    scope = token.scope
    assert scope.until is not None, "every token ends"
    return TokenView(
        name=token.name,
        role=token.role,
        places=None if scope.places is None else tuple(sorted(scope.places)),
        verbs=None if scope.verbs is None else tuple(sorted(scope.verbs)),
        made_by=token.made_by,
        made_at=token.made_at,
        expires_at=scope.until,
        expired=token.is_expired(now),
        last_used_at=token.last_used_at,
    )


def _described(token: Token) -> str:
    """`an operator, only search/test, only scale, see`."""
    parts = [f"the role {token.role}"]
    for limit in (token.scope.places, token.scope.verbs):
        if limit is not None:
            parts.append(f"only {' and '.join(sorted(limit))}")
    return ", ".join(parts)
