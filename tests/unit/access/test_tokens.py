"""What a token promises: it cannot be guessed, and it is never stronger than who made it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.access.authorize import VERB_KEYS, Allowed, Verb, authorize, is_at_least, key_of
from headway.access.token import (
    Token,
    digest_of,
    identify,
    is_secret,
    may_grant,
    secret_from,
    used,
    with_offspring,
)
from headway.model.actor import Actor, Role, Scope
from headway.model.ids import EnvironmentId, EnvironmentName, SiteName

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = secret_from(bytes(range(32)))
TOKEN = Token(
    "ci", Role.VIEWER, Scope(until=NOON + timedelta(days=1)), digest_of(SECRET), "ann", NOON
)
SITES = ("shop", "shop-2", "mall")
ENVIRONMENTS = [
    EnvironmentId(SiteName(site), EnvironmentName(name))
    for site in SITES
    for name in ("production", "test")
]
places = st.none() | st.frozensets(st.sampled_from([*SITES, *map(str, ENVIRONMENTS)]), max_size=3)
verb_keys = st.none() | st.frozensets(st.sampled_from(VERB_KEYS), max_size=4)
moments = st.none() | st.integers(1, 400).map(lambda days: NOON + timedelta(days=days))
scopes = st.builds(Scope, places, verb_keys, moments)
roles = st.sampled_from(Role)
somewhere = st.none() | st.sampled_from(ENVIRONMENTS)


def may(actor: Actor, verb: Verb, where: EnvironmentId | None) -> bool:
    return isinstance(authorize(actor, verb, "", where), Allowed)


@given(st.binary(min_size=32, max_size=32))
def test_a_secret_has_the_shape_that_scanners_look_for(random_bytes: bytes) -> None:
    secret = secret_from(random_bytes)
    assert is_secret(secret)
    assert len(secret) == 52
    assert secret.startswith("hw_")


@given(st.integers(3, 51), st.sampled_from("0aZ"))
def test_a_secret_with_a_wrong_letter_is_none(place: int, letter: str) -> None:
    changed = SECRET[:place] + letter + SECRET[place + 1 :]
    assert is_secret(changed) is (changed == SECRET)


@pytest.mark.parametrize("text", ["", "hw_", SECRET + "\n", SECRET[:-1], f" {SECRET}", "hw_" * 20])
def test_what_has_another_shape_is_no_secret(text: str) -> None:
    assert not is_secret(text)


def test_a_secret_is_known_until_its_token_ends_and_not_a_moment_longer() -> None:
    end = NOON + timedelta(days=1)
    assert identify([TOKEN], SECRET, end - timedelta(microseconds=1)) == TOKEN
    assert identify([TOKEN], SECRET, end) is None
    assert identify([TOKEN], secret_from(bytes(32)), NOON) is None
    assert identify([], SECRET, NOON) is None


def test_what_is_kept_does_not_contain_the_secret() -> None:
    assert SECRET[3:40] not in repr(TOKEN)


@given(roles, scopes, st.sampled_from(Verb), somewhere)
def test_a_token_may_nothing_that_its_role_may_not(
    role: Role, scope: Scope, verb: Verb, where: EnvironmentId | None
) -> None:
    if may(Actor("token:x", role, scope), verb, where):
        assert may(Actor("somebody", role), verb, where)


@given(roles, scopes, st.sampled_from(Verb), somewhere)
def test_a_token_may_nothing_outside_of_its_scope(
    role: Role, scope: Scope, verb: Verb, where: EnvironmentId | None
) -> None:
    if may(Actor("token:x", role, scope), verb, where):
        assert scope.verbs is None or key_of(verb) in scope.verbs
        if scope.places is not None:
            assert where is not None
            assert {str(where), str(where.site)} & scope.places


@given(roles, scopes, roles, scopes, st.sampled_from(Verb), somewhere)
def test_a_token_makes_none_that_may_more_than_itself(
    role: Role,
    scope: Scope,
    new_role: Role,
    new_scope: Scope,
    verb: Verb,
    where: EnvironmentId | None,
) -> None:
    maker = Actor("token:x", role, scope)
    if may_grant(maker, new_role, new_scope) is not None:
        return
    made = Actor("token:y", new_role, new_scope)
    assert not may(made, verb, where) or may(maker, verb, where)
    assert is_at_least(role, new_role)
    assert scope.until is None or (new_scope.until is not None and new_scope.until <= scope.until)


@given(roles, scopes)
def test_whoever_has_a_token_may_make_one_like_it(role: Role, scope: Scope) -> None:
    assert may_grant(Actor("token:x", role, scope), role, scope) is None


def test_a_denial_says_which_limit_it_was() -> None:
    limited = Actor("token:ci", Role.OPERATOR, Scope(frozenset({"shop/test"}), frozenset({"see"})))
    production, test = ENVIRONMENTS[0], ENVIRONMENTS[1]
    assert "limited to see and may not scale web" in str(
        authorize(limited, Verb.SCALE, "web", test)
    )
    assert "limited to shop/test" in str(authorize(limited, Verb.SEE, "web", production))
    assert authorize(limited, Verb.SEE, "web", test) == Allowed(limited)


def test_a_site_is_not_taken_for_another_whose_name_begins_the_same() -> None:
    limited = Actor("token:ci", Role.VIEWER, Scope(frozenset({"shop"})))
    assert may(limited, Verb.SEE, ENVIRONMENTS[1])
    assert not may(limited, Verb.SEE, EnvironmentId(SiteName("shop-2"), EnvironmentName("test")))


def test_revoking_reaches_what_was_made_with_it_and_nobody_else() -> None:
    family = [
        TOKEN,
        replace(TOKEN, name="child", made_by="token:ci"),
        replace(TOKEN, name="grandchild", made_by="token:child"),
        replace(TOKEN, name="stranger", made_by="ci"),  # a person of that name
        replace(TOKEN, name="cousin", made_by="token:other"),
    ]
    assert with_offspring(family, "ci") == {"ci", "child", "grandchild"}


def test_use_is_noted_once_an_hour() -> None:
    first = used(TOKEN, NOON)
    assert first is not None
    assert first.last_used_at == NOON
    assert used(first, NOON + timedelta(minutes=59)) is None
    assert used(first, NOON + timedelta(minutes=60)) is not None
