"""Tables of the comparison with peers, as people and other programs read them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.peers.table import Table, markdown, shown, text, write
from benchmarks.report import Figure

TABLE = Table(
    "kill",
    "kill -9 of one of 3",
    {"Headway": {"failed": 0, "mask, ms": 12.34}, "nginx": {"failed": 1234}, "Ray Serve": {}},
    ("The harness restarts the dead.",),
    promise="nothing fails",
    kept=True,
)


def test_a_table_for_people_has_a_line_for_each_candidate_and_says_the_verdict() -> None:
    lines = text(TABLE).splitlines()
    assert lines[:2] == ["kill -9 of one of 3", "kept: nothing fails"]
    assert [line.split("  ")[1] for line in lines[3:6]] == ["Headway", "nginx", "Ray Serve"]
    assert lines[4].split() == ["nginx", "1,234", "-"]
    assert len({line.find("failed") for line in lines[2:3]}) == 1


def test_markdown_has_as_many_cells_in_every_row() -> None:
    rows = [line for line in markdown(TABLE).splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {row.count("|") for row in rows} == {4}


def test_a_figure_cannot_break_a_row_of_markdown() -> None:
    table = Table("x", "x", {"a": {"by kind": "503 a|b 3"}})
    assert "| a | 503 a/b 3 |" in markdown(table)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (None, "-"),
        ("", "-"),
        (1234, "1,234"),
        (1234.5, "1,234"),
        (12.345, "12.3"),
        (0.1234, "0.12"),
    ],
)
def test_figures_are_shown_with_the_digits_that_mean_something(figure: Figure, said: str) -> None:
    assert shown(figure) == said


def test_what_is_written_can_be_read_by_other_programs(tmp_path: Path) -> None:
    file = write([TABLE], tmp_path / "new", {"cores": 2}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert file.name == "peers-20260102T030405Z.json"
    read = json.loads(file.read_text("utf-8"))
    assert read["machine"] == {"cores": 2}
    assert read["tables"][0]["rows"]["nginx"] == {"failed": 1234}
    assert "### kill -9 of one of 3" in file.with_suffix(".md").read_text("utf-8")
