"""The time that is left: read from the caller, kept, and sent on."""

import pytest

from headway_sdk import Budget
from headway_sdk.budget import ASKED_HEADER, BUDGET_HEADER, TOLD_HEADER


def budget(told: str | None, *, default_s: float = 0.2) -> Budget:
    headers = {} if told is None else {TOLD_HEADER: told}
    return Budget.of_request(headers, default_s=default_s, now_s=100.0)


def test_a_caller_in_a_hurry_is_heeded() -> None:
    assert budget("120").left_s(100.0) == pytest.approx(0.12)


def test_our_own_promise_is_the_most_we_take() -> None:
    assert budget("15000").left_s(100.0) == pytest.approx(0.2)
    assert budget(None).left_s(100.0) == pytest.approx(0.2)


@pytest.mark.parametrize("told", ["", "soon", "-5", "1.5", "0", "9" * 400, "²"])
def test_nonsense_from_outside_counts_as_nothing_said(told: str) -> None:
    assert budget(told).left_s(100.0) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("waits", "budget_ms", "left_s"),
    [("15000", "200", 0.2), ("120", "200", 0.12), ("15000", "soon", 1.0), ("15000", "5000", 1.0)],
)
def test_behind_the_entry_the_latency_budget_counts_too(
    waits: str, budget_ms: str, left_s: float
) -> None:
    headers = {TOLD_HEADER: waits, BUDGET_HEADER: budget_ms}
    ours = Budget.of_request(headers, default_s=1.0, now_s=100.0)
    assert ours.left_s(100.0) == pytest.approx(left_s)


def test_what_is_sent_on_is_what_is_left() -> None:
    ours = budget("200").minus(0.01)
    assert ours.headers(100.05) == {ASKED_HEADER: "140"}


def test_an_optional_call_gets_its_own_limit_but_never_more_than_is_left() -> None:
    ours = budget("200")
    assert ours.at_most(0.08, 100.0).left_s(100.0) == pytest.approx(0.08)
    assert ours.at_most(0.08, 100.15).left_s(100.15) == pytest.approx(0.05)


def test_a_budget_that_is_spent_asks_for_the_shortest_wait_not_for_none() -> None:
    assert budget("50").left_s(101.0) == 0
    assert budget("50").headers(101.0) == {ASKED_HEADER: "1"}
