"""`headway query`: answers as tables and plots, errors with a caret below their place."""

import pytest
from promql_parser import parse

from headway.cli.query import named, number, parted, place, plot, pointed, show


def test_labels_that_all_share_are_said_once() -> None:
    shared, names = parted(
        [
            {"__name__": "up", "site": "a", "service": "web"},
            {"__name__": "up", "site": "a", "service": "index", "replica": "index-1"},
        ]
    )
    assert named(shared) == 'up{site="a"}'
    assert names == ["replica", "service"]


def test_a_vector_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    result = [
        {"metric": {"site": "a", "service": "web"}, "value": [0, "1234.5678"]},
        {"metric": {"site": "a", "service": "ads"}, "value": [0, "0"]},
    ]
    show({"resultType": "vector", "result": result})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '{site="a"}'
    assert [line.split() for line in lines[1:]] == [
        ["service", "value"],
        ["ads", "0"],
        ["web", "1235"],
    ]


def test_nothing_found_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show({"resultType": "vector", "result": []})
    show({"resultType": "matrix", "result": []})
    assert capsys.readouterr().out.count("no series") == 2


def test_a_length_of_time_is_a_plot(capsys: pytest.CaptureFixture[str]) -> None:
    values = [[t, str(t)] for t in range(8)]
    show({"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": values}]})
    assert capsys.readouterr().out.splitlines() == [
        '{a="b"}',
        "  ▁▂▃▄▅▆▇█",
        "  min 0  max 7  last 7",
    ]


def test_where_there_was_nothing_a_plot_is_blank() -> None:
    assert plot([(0.0, 1.0), (3.0, 1.0)], 0.0, 3.0, 4) == "█  █"
    assert plot([(0.0, float("nan"))], 0.0, 0.0, 1) == ""


def test_what_a_label_holds_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    metric = {"a": "\x1b[2J\x07", "b": "x"}
    show({"resultType": "vector", "result": [{"metric": metric, "value": [0, "1"]}]})
    show({"resultType": "matrix", "result": [{"metric": metric, "values": [[0, "1"]]}]})
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize(
    ("value", "text"),
    [("1", "1"), ("0.123456", "0.1235"), ("12345.6", "12,346"), ("+Inf", "inf"), ("NaN", "nan")],
)
def test_numbers_are_short(value: str, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("expression", "at"),
    [
        ("sum(rate(x[5m])", 3),
        ("sum(f('(')", 3),
        ("x{", 2),
        ("1 + rate(up)", 4),
    ],
)
def test_an_error_of_the_parser_points_at_its_place(expression: str, at: int | None) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(expression)
    assert place(expression, str(caught.value)) == at


def test_the_caret_stands_below_the_place() -> None:
    assert pointed("x{", "unexpected end of input inside braces") == "\n   | x{\n   |   ^"
    assert pointed("a\nb{", "unexpected end of input inside braces") == ""
