"""How things look: aligned, 80 columns on a terminal, harmless whatever the text."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from headway.cli import show
from headway.cli.duration_option import Duration

ROWS: list[list[show.Cell]] = [
    [("SERVICE", "dim"), ("STATE", "dim")],
    ["frontend", ("ready", "green")],
    ["ads", ("FAILED  " + "because " * 20, "red")],
]


def test_columns_are_aligned_and_nothing_is_cut_when_nobody_looks() -> None:
    lines = click.unstyle(show.table(ROWS)).splitlines()
    assert lines[0] == "SERVICE   STATE"
    assert lines[1] == "frontend  ready"
    assert lines[2].endswith("because")


def test_on_a_terminal_only_the_last_column_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "width", lambda: 80)
    lines = click.unstyle(show.table(ROWS)).splitlines()
    assert max(len(line) for line in lines) == 80
    assert lines[2].startswith("ads       FAILED  because")
    assert lines[2].endswith("…")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("bell\x07", "bell�"),
        ("back\rwards", "back�wards"),
        ("\x1b]0;title\x07", "�]0;title�"),
        ("tab\tstays, ünïcode and 漢字 too", "tab\tstays, ünïcode and 漢字 too"),
    ],
)
def test_what_a_terminal_would_obey_is_not_printed(text: str, shown: str) -> None:
    assert show.clean(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (0.62, "0.6 s"), (14.4, "14 s"), (240, "4 min"), (9000, "2 h"), (6e5, "7 d")],
)
def test_a_duration_is_told_in_two_digits(seconds: float, text: str) -> None:
    assert show.duration(seconds) == text


def test_a_moment_is_told_as_briefly_as_it_can_be_understood() -> None:
    now = datetime.now(UTC)
    assert len(show.clock(now.isoformat())) == len("14:02:07")
    assert len(show.clock((now + timedelta(days=2)).isoformat())) == len("Tue 14:02")
    assert show.clock("2020-03-04T12:00:00Z").startswith("2020-03-0")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("1500ms", 1.5),
        ("5m", 300.0),
        ("5 min", 300.0),
        ("24h", 86_400.0),
        ("2d", 172_800.0),
    ],
)
def test_a_duration_is_given_with_its_unit(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["90", "", "h", "-5s", "1e3s", "5 weeks", "٣s"])
def test_a_duration_without_a_known_unit_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="needs a number and a unit"):
        Duration().convert(text, None, None)
