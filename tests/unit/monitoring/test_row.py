"""Rows of one target: columns are only ever added, and never change their meaning."""

import pytest

from headway.monitoring.exposition import Exposition, ExpositionError
from headway.monitoring.row import Row, known
from headway.monitoring.series import NAME, is_stale


def test_what_is_not_told_any_more_has_ended() -> None:
    row, exposition = Row(), Exposition(10)
    row.values(exposition.labels, exposition.read("a 1\nb 2\n"), {known("up"): 1.0})
    values = row.values(exposition.labels, exposition.read("b 3\n"), {known("up"): 1.0})
    assert [labels[NAME] for labels in row.labels] == ["a", "b", "up"]
    assert is_stale(values).tolist() == [True, False, False]
    assert values[1:].tolist() == [3.0, 1.0]


def test_without_an_answer_only_what_is_known_is_told() -> None:
    row, exposition = Row(), Exposition(10)
    row.values(exposition.labels, exposition.read("a 1\n"), {})
    values = row.values(exposition.labels, None, {known("up"): 0.0})
    assert is_stale(values).tolist() == [True, False]


def test_a_text_that_broke_off_shifts_no_column() -> None:
    row, exposition = Row(), Exposition(10)
    row.values(exposition.labels, exposition.read("a 1\n"), {})
    with pytest.raises(ExpositionError):
        exposition.read("a 1\nnew 5\n!\n")
    row.values(exposition.labels, None, {known("up"): 0.0})
    values = row.values(exposition.labels, exposition.read("a 1\nlater 7\n"), {known("up"): 1.0})
    told = {
        labels[NAME]: value
        for labels, value in zip(row.labels, values.tolist(), strict=True)
        if not is_stale(values)[row.labels.index(labels)]
    }
    assert told == {"a": 1.0, "later": 7.0, "up": 1.0}


def test_a_target_cannot_say_that_it_is_up() -> None:
    row, exposition = Row(), Exposition(10)
    values = row.values(exposition.labels, exposition.read("up 1\n"), {known("up"): 0.0})
    assert len(row.labels) == 1
    assert values.tolist() == [0.0]


def test_the_end_of_a_target_ends_every_series() -> None:
    row, exposition = Row(), Exposition(10)
    row.values(exposition.labels, exposition.read("a 1\n"), {known("up"): 1.0})
    assert is_stale(row.ended()).all()
