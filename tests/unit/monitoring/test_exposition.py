"""A target's text becomes values in columns; what breaks the format is refused with its line."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.monitoring.exposition import Exposition, ExpositionError
from headway.monitoring.series import NAME, is_stale

TEXT = """\
# HELP requests_total Requests served.
# TYPE requests_total counter
requests_total{code="200",path="/"} 12
requests_total{code="500",path="/a b"} 1.5e3
up 1
"""


def test_every_line_becomes_a_column_with_its_labels() -> None:
    exposition = Exposition(series_max=10)
    reading = exposition.read(TEXT)
    assert reading.values.tolist() == [12.0, 1500.0, 1.0]
    assert exposition.labels[1] == {NAME: "requests_total", "code": "500", "path": "/a b"}
    assert exposition.metadata["requests_total"].kind == "counter"
    assert exposition.metadata["requests_total"].help == "Requests served."


def test_a_series_keeps_its_column_whatever_the_order() -> None:
    exposition = Exposition(series_max=10)
    exposition.read("a 1\nb 2\n")
    reading = exposition.read("c 3\nb 20\na 10\n")
    assert reading.values.tolist() == [10.0, 20.0, 3.0]
    assert [labels[NAME] for labels in reading.added] == ["c"]


def test_a_series_that_is_no_longer_told_has_ended() -> None:
    exposition = Exposition(series_max=10)
    exposition.read("a 1\nb 2\n")
    reading = exposition.read("b 3\n")
    assert is_stale(reading.values).tolist() == [True, False]
    assert reading.told == 1


def test_a_nan_that_was_told_is_a_value_and_no_end() -> None:
    reading = Exposition(series_max=10).read("a NaN\nb -Inf\n")
    assert math.isnan(reading.values[0])
    assert not is_stale(reading.values).any()
    assert reading.values[1] == -math.inf


def test_timestamps_and_exemplars_are_read_past() -> None:
    text = 'a{x="1"} 5 1700000000000\nb_bucket{le="1"} 3 # {trace="#1 2"} 0.5\n# EOF\n'
    exposition = Exposition(series_max=10)
    assert exposition.read(text).values.tolist() == [5.0, 3.0]
    assert exposition.read(text).values.tolist() == [5.0, 3.0], "and so the second time"


def test_a_target_that_begins_to_tell_more_keeps_its_columns() -> None:
    exposition = Exposition(series_max=10)
    exposition.read("a 1\nb 2\n")
    assert exposition.read("a 3 1700000000000\nb 4\n").values.tolist()[1] == 4.0


def test_the_newest_series_beyond_the_limit_are_refused_and_counted() -> None:
    exposition = Exposition(series_max=2)
    assert exposition.read("a 1\nb 2\nc 3\nd 4\n").refused == 2
    reading = exposition.read("a 5\nc 6\n")
    assert reading.values[0] == 5.0
    assert (reading.refused, len(exposition.labels)) == (1, 2)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1a 2", "line 2: expected the name of a metric, found '1a 2'"),
        ("a", "line 2: expected a number after 'a'"),
        ("a x", "line 2: expected a number after 'a'"),
        ("a 1_0", "line 2: expected a number after 'a'"),
        ("a 1 2 3", "line 2: expected a number after 'a'"),
        ('a{x="1} 2', "line 2: a label's value is not closed"),
        ('a{x="1\\"} 2', "line 2: a label's value is not closed"),
        ("a{x=1} 2", "line 2: a label's value stands in double quotes"),
        ('a{x="1" y="2"} 2', "line 2: expected `,` or `}` after a label's value"),
        ('a{x="1",x="2"} 2', "line 2: the label 'x' is given twice"),
        ("a{x} 2", "line 2: expected `=` after the label 'x'"),
        ("a{", "line 2: expected a label, found ''"),
    ],
)
def test_what_breaks_the_format_is_refused_with_its_line(line: str, reason: str) -> None:
    with pytest.raises(ExpositionError) as caught:
        Exposition(series_max=10).read(f"good 1\n{line}\n")
    assert str(caught.value) == reason


def test_a_known_series_with_a_broken_value_is_refused_too() -> None:
    exposition = Exposition(series_max=10)
    exposition.read("a 1\n")
    with pytest.raises(ExpositionError, match="line 1: 'one' is no number"):
        exposition.read("a one\n")


def test_too_much_is_refused_before_it_is_kept() -> None:
    many = ",".join(f'l{n}="v"' for n in range(100))
    with pytest.raises(ExpositionError, match="may have 64 labels"):
        Exposition(series_max=10).read(f"a{{{many}}} 1")
    with pytest.raises(ExpositionError, match="may have 4096 characters"):
        Exposition(series_max=10).read(f'a{{x="{"v" * 5000}"}} 1')
    with pytest.raises(ExpositionError, match="more than 16 MiB"):
        Exposition(series_max=10).read("a 1\n" * (5 << 20))


escaped = st.text(max_size=30).map(lambda text: text.replace("\r", ""))


@given(value=escaped.filter(bool), number=st.floats(allow_nan=False))
def test_any_label_value_survives_its_way_through_the_text(value: str, number: float) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    exposition = Exposition(series_max=10)
    reading = exposition.read(f'a{{x="{quoted}"}} {number!r}\n')
    assert exposition.labels == [{NAME: "a", "x": value}]
    assert reading.values.tolist() == [number]


@given(st.text(alphabet='a{}"=,\\ 1#\n\t.eN-', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    exposition = Exposition(series_max=5)
    for _ in range(2):
        with suppress(ExpositionError):
            reading = exposition.read(text)
            assert len(reading.values) == len(exposition.labels) <= 5
