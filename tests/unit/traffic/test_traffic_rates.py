"""The buckets of a rate: exact, short, and never larger than what Envoy can hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.traffic.rates import BURST_S, FILL_S, RATE, TOKENS_MAX, rate_limits
from headway.traffic.routes import table


def bucket(rate_per_s: float) -> dict[str, Any]:
    (descriptor,) = rate_limits({"web@1": rate_per_s})[RATE]["descriptors"]
    assert descriptor["entries"] == [{"key": "destination_cluster", "value": "web@1"}]
    made: dict[str, Any] = descriptor["token_bucket"]
    return made


def refilled_per_s(made: dict[str, Any]) -> float:
    return int(made["tokens_per_fill"]) / float(made["fill_interval"].rstrip("s"))


def test_without_a_limit_the_table_says_nothing_of_it() -> None:
    assert "typed_per_filter_config" not in table([], {})
    assert RATE in table([], {"web@1": 5.0})["typed_per_filter_config"]


@pytest.mark.parametrize(("rate_per_s", "burst"), [(2000, 400), (12, 3), (0.5, 1)])
def test_a_fifth_of_a_second_may_come_at_once_and_at_least_one(
    rate_per_s: float, burst: int
) -> None:
    assert bucket(rate_per_s)["max_tokens"] == burst


@given(st.floats(1e-4, 1e7))
def test_every_rate_is_kept_within_one_percent(rate_per_s: float) -> None:
    made = bucket(rate_per_s)
    assert refilled_per_s(made) == pytest.approx(rate_per_s, rel=0.01)
    intervals = float(made["fill_interval"].rstrip("s")) / FILL_S
    assert intervals == pytest.approx(round(intervals))
    assert 1 <= made["max_tokens"] <= min(rate_per_s * BURST_S + 1, TOKENS_MAX)
    assert 1 <= made["tokens_per_fill"] <= TOKENS_MAX
