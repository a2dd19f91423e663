"""API tokens: what one is, whether a secret is one, and who may make which.

A secret is 256 random bits, so it cannot be guessed or found by trying, and one round of SHA-256
keeps it: slow hashes (argon2, scrypt) protect passwords that people choose, and would only make
every request slow here. Its prefix and checksum let secret scanners find it without false alarms.
"""

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from zlib import crc32

from headway.access.authorize import Denied, is_at_least
from headway.model.actor import Actor, Role, Scope

PREFIX = "hw_"
SECRET_BYTES = 32
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_DIGITS, CHECK_DIGITS = 43, 6  # what 256 and 32 bits need
SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{SECRET_DIGITS + CHECK_DIGITS}}}")
LIFE_MAX = timedelta(days=365)
TOKENS_MAX = 1000
LAST_USED_WITHIN = timedelta(hours=1)  # how old `last_used_at` may be; not a write per request
ACTOR_PREFIX = "token:"


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    role: Role
    scope: Scope  # `until` is its expiry, and always there
    digest: str  # SHA-256 of the secret, which is kept nowhere
    made_by: str
    made_at: datetime
    last_used_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        return Actor(ACTOR_PREFIX + self.name, self.role, self.scope)

    def is_expired(self, now: datetime) -> bool:
        return self.scope.until is None or now >= self.scope.until


def secret_from(random_bytes: bytes) -> str:
    assert len(random_bytes) == SECRET_BYTES, "256 bits, no fewer"
    body = _digits(int.from_bytes(random_bytes, "big"), SECRET_DIGITS)
    return PREFIX + body + _check(body)


def is_secret(text: str) -> bool:
    """Has the shape and the checksum of one; says nothing about whether anybody knows it."""
    if SHAPE.fullmatch(text) is None:
        return False
    body = text[len(PREFIX) : -CHECK_DIGITS]
    return text[-CHECK_DIGITS:] == _check(body)


def digest_of(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def identify(tokens: Iterable[Token], secret: str, now: datetime) -> Token | None:
    """The living token with this secret. Takes as long for every secret, known or not."""
    digest = digest_of(secret)
    found = None
    for token in tokens:
        if hmac.compare_digest(token.digest, digest):
            found = token
    return None if found is None or found.is_expired(now) else found


def used(token: Token, now: datetime) -> Token | None:
    """The token with a newer `last_used_at`, if that is worth writing down."""
    if token.last_used_at is not None and now - token.last_used_at < LAST_USED_WITHIN:
        return None
    return replace(token, last_used_at=now)


def may_grant(maker: Actor, role: Role, scope: Scope) -> Denied | None:
    """Nobody makes a token that may more than he may himself, or for longer. None: go ahead."""
    lacks = None
    if not is_at_least(maker.role, role):
        lacks = f"has the role {maker.role}, not {role}"
    elif not _within(scope.verbs, maker.scope.verbs):
        lacks = f"is limited to the verbs {_list(maker.scope.verbs)}"
    elif not _places_within(scope.places, maker.scope.places):
        lacks = f"is limited to {_list(maker.scope.places)}"
    elif maker.scope.until is not None and (scope.until is None or scope.until > maker.scope.until):
        lacks = f"ends at {maker.scope.until:%Y-%m-%d %H:%M} UTC"
    if lacks is None:
        return None
    return Denied(
        reason=f"{maker.name} {lacks}, and cannot make a token that may more",
        remedy="ask for less, or somebody who may more",
    )


def with_offspring(tokens: Sequence[Token], name: str) -> frozenset[str]:
    """A token, those that it made, those that they made: a thief may have made some."""
    gone = {name}
    while True:
        more = {t.name for t in tokens if t.made_by.removeprefix(ACTOR_PREFIX) in gone
                and t.made_by.startswith(ACTOR_PREFIX)} - gone  # fmt: skip
        if not more:
            return frozenset(gone)
        gone |= more


def _within(asked: frozenset[str] | None, limit: frozenset[str] | None) -> bool:
    return limit is None or (asked is not None and asked <= limit)


def _places_within(asked: frozenset[str] | None, limit: frozenset[str] | None) -> bool:
    if limit is None or asked is None:
        return limit is None
    return all(place in limit or place.partition("/")[0] in limit for place in asked)


def _list(names: frozenset[str] | None) -> str:
    return ", ".join(sorted(names or ())) or "nothing"


def _digits(number: int, count: int) -> str:
    text = ""
    for _ in range(count):
        number, digit = divmod(number, len(DIGITS))
        text = DIGITS[digit] + text
    assert number == 0, "it does not fit"
    return text


def _check(body: str) -> str:
    return _digits(crc32(body.encode()), CHECK_DIGITS)
