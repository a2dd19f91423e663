"""PromQL where no Prometheus is needed to know the answer: staleness, limits, refusals, hostility.

The language as a whole is held against a real Prometheus in tests/contracts.
"""

import math

import numpy as np
import pytest
from tests.contracts.promql_world import Samples

from headway.monitoring.promql.errors import QueryError, QueryLimitError
from headway.monitoring.promql.evaluate import query
from headway.monitoring.promql.numbers import written
from headway.monitoring.promql.setting import Meter, Setting
from headway.monitoring.promql.values import Scalar, Vector
from headway.monitoring.series import NAME, STALE, Group

A = {NAME: "a", "job": "x"}


def source(*values: float, labels: dict[str, str] = A, every_ms: int = 10_000) -> Samples:
    times_ms = np.arange(1, len(values) + 1, dtype=np.int64) * every_ms
    return Samples((Group([labels], times_ms, np.array([values])),))


def at(text: str, samples: Samples, at_ms: int) -> list[float]:
    value = query(text, Setting(samples, at_ms, at_ms))
    if isinstance(value, Scalar):
        return [float(v) for v in value.values]
    assert isinstance(value, Vector)
    return [float(v) for v in value.values[value.present]]


def test_an_instant_sees_the_newest_sample() -> None:
    assert at("a", source(1, 2, 3), 25_000) == [2.0]


def test_a_sample_older_than_the_lookback_is_not_seen() -> None:
    assert at("a", source(1), 10_000 + 299_999) == [1.0]
    assert at("a", source(1), 10_000 + 300_000) == []


def test_a_series_that_ended_is_gone_at_once() -> None:
    assert at("a", source(1, STALE), 20_000) == []
    assert at("a", source(1, STALE, 3), 30_000) == [3.0], "and comes back"


def test_a_nan_is_a_value() -> None:
    (value,) = at("a", source(1, math.nan), 20_000)
    assert math.isnan(value)


def test_a_window_leaves_out_its_left_edge() -> None:
    assert at("count_over_time(a[20s])", source(1, 2, 3), 30_000) == [2.0]


def test_a_rate_reaches_over_a_restart_of_the_counter() -> None:
    assert at("increase(a[40s])", source(0, 10, 2, 12), 40_000)[0] >= 22.0


def test_a_rate_does_not_see_the_end_of_a_series_as_a_sample() -> None:
    whole = at("rate(a[40s])", source(0, 10, 20, 30), 40_000)
    ended = at("rate(a[50s])", source(0, 10, 20, 30, STALE), 50_000)
    assert whole == [pytest.approx(30 / 40)]
    assert ended == [pytest.approx(40 / 50)], "stretched to where the next sample was due"


def test_sums_of_series_with_gaps_only_count_who_is_there() -> None:
    times_ms = np.array([10_000, 20_000], dtype=np.int64)
    labels = [{NAME: "a", "n": str(n)} for n in range(3)]
    values = np.array([[1, 2], [10, STALE], [100, 200]])
    samples = Samples((Group(labels, times_ms, values),))
    assert at("sum(a)", samples, 20_000) == [202.0]
    assert at("count(a)", samples, 20_000) == [2.0]


def test_a_query_may_not_use_more_samples_than_it_has() -> None:
    setting = Setting(source(*range(100)), 0, 1_000_000, meter=Meter(samples_max=50))
    with pytest.raises(QueryLimitError, match="more than 50 samples"):
        query("rate(a[1h])", setting, step_ms=1000)


def test_a_query_is_stopped_when_its_time_is_over() -> None:
    def over() -> None:
        raise QueryLimitError("the time is over")

    with pytest.raises(QueryLimitError, match="the time is over"):
        query("a", Setting(source(1), 0, 10_000, meter=Meter(check=over)))


def test_more_points_than_a_plot_can_show_are_refused() -> None:
    with pytest.raises(QueryLimitError, match="11,000 points"):
        query("a", Setting(source(1), 0, 86_400_000), step_ms=1000)


@pytest.mark.parametrize(
    "text", ["sum(", "rate(a)", "(" * 5000 + "a" + ")" * 5000, "a" * 70_000, "a{x=~'('}", "nope(a)"]
)
def test_a_text_that_is_no_query_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        query(text, Setting(source(1), 0, 0))
    assert str(caught.value)


def test_a_pattern_that_would_backtrack_for_ever_is_answered_at_once() -> None:
    samples = source(1, labels={NAME: "a", "job": "x" * 4000})
    assert at('a{job=~"(x+x+)+y"}', samples, 10_000) == []
    assert at('a{job=~"(x*)*"}', samples, 10_000) == [1.0]


def test_a_pattern_of_monstrous_size_is_refused() -> None:
    with pytest.raises(QueryError, match="regex"):
        at('a{job=~"((a{100}){100}){100}"}', source(1), 10_000)


def test_a_rate_of_what_may_be_no_counter_is_noted() -> None:
    setting = Setting(source(1, 2, 3), 30_000, 30_000)
    query("rate(a[1m])", setting)
    assert setting.notes == {
        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: 'a'"
    }


def test_duplicates_are_refused_not_added_up() -> None:
    times_ms = np.array([10_000], dtype=np.int64)
    labels = [{NAME: "a", "n": "1"}, {NAME: "b", "n": "1"}]
    samples = Samples((Group(labels, times_ms, np.array([[1.0], [2.0]])),))
    with pytest.raises(QueryError, match="same labelset"):
        at('-{__name__=~"a|b"}', samples, 10_000)


def test_experimental_parts_of_the_language_are_refused_never_answered_wrongly() -> None:
    for text in ("limit_ratio(0.5, a)", "histogram_avg(a)"):
        with pytest.raises(QueryError):
            query(text, Setting(source(1), 10_000, 10_000))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e-7, "1.5e-07"),
        (0.00001, "0.00001"),
        (math.inf, "+Inf"),
        (math.nan, "NaN"),
        (123456.789, "123456.789"),
    ],
)
def test_numbers_are_written_as_prometheus_writes_them(value: float, text: str) -> None:
    assert written(value) == text
