"""What `authorize` promises: strangers do nothing, higher roles do more, every verb has a row."""

import pytest

from headway.access.authorize import (
    NEEDED,
    ROLES_ASCENDING,
    Allowed,
    Denied,
    Verb,
    authorize,
)
from headway.model.actor import HEADWAY, Actor, Role

VIEWER = Actor("vera", Role.VIEWER)
OPERATOR = Actor("otto", Role.OPERATOR)
ADMIN = Actor("anna", Role.ADMIN)


@pytest.mark.parametrize("verb", Verb)
def test_a_stranger_may_do_nothing_not_even_look(verb: Verb) -> None:
    decision = authorize(None, verb, "search/production", None)
    assert isinstance(decision, Denied)
    assert decision.reason == f"an unknown user may not {verb} search/production"
    assert decision.remedy


def test_a_viewer_may_look_and_nothing_else() -> None:
    allowed = {v for v in Verb if isinstance(authorize(VIEWER, v, "ads", None), Allowed)}
    assert allowed == {Verb.SEE}


def test_an_operator_acts_on_what_runs_but_changes_no_description() -> None:
    assert authorize(OPERATOR, Verb.SCALE, "ads", None) == Allowed(OPERATOR)
    assert authorize(OPERATOR, Verb.APPLY, "search/production", None) == Denied(
        reason="otto is an operator and may not apply search/production",
        remedy="ask somebody with the role admin",
    )


@pytest.mark.parametrize("verb", Verb)
def test_an_admin_and_the_loop_may_do_everything(verb: Verb) -> None:
    assert authorize(ADMIN, verb, "ads", None) == Allowed(ADMIN)
    assert authorize(HEADWAY, verb, "ads", None) == Allowed(HEADWAY)


@pytest.mark.parametrize("verb", Verb)
def test_a_higher_role_may_do_everything_that_a_lower_one_may(verb: Verb) -> None:
    answers = [
        isinstance(authorize(Actor("x", role), verb, "", None), Allowed) for role in ROLES_ASCENDING
    ]
    assert answers == sorted(answers)


def test_every_verb_has_a_row_and_every_role_a_place() -> None:
    assert set(NEEDED) == set(Verb)
    assert set(ROLES_ASCENDING) == set(Role)
