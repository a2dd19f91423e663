"""Colours only where they are wanted, and only beside words; no power for what a service says."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from headway.api.control import LogLine
from headway.cli import picture, show
from headway.cli.changes import change_lines
from headway.model.ids import ReplicaId
from headway.testing.control import StrawControl

Headway = Callable[..., Any]


@pytest.mark.parametrize(
    ("environ", "wish"),
    [
        ({"TERM": "xterm"}, None),
        ({}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, None),
        ({"TERM": "xterm", "CLICOLOR": "0"}, False),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"TERM": "xterm", "CLICOLOR_FORCE": "0"}, None),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_who_asks_for_colours_or_for_none_is_heard(
    environ: Mapping[str, str], wish: bool | None
) -> None:
    assert show.colour_wish(environ) is wish


@pytest.mark.usefixtures("daemon")
def test_a_plan_says_without_colours_what_it_says_with_them(
    headway: Headway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headway("up")
    text = (folder / "site.yaml").read_text()
    (folder / "site.yaml").write_text(text.replace("replicas: 3", "replicas: 4"))
    plain = headway("plan").out
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    coloured = headway("plan").out
    assert "\x1b[32m4" in coloured
    assert click.unstyle(coloured) == plain
    assert "\x1b" not in headway("plan", "--no-color").out
    wrong = headway("statsu").err
    assert wrong.startswith("\x1b[31m")


def test_what_comes_goes_or_changes_has_a_sign() -> None:
    def change(kind: str, before: str, after: str) -> dict[str, str]:
        return {
            "kind": kind,
            "subject": kind,
            "what": "w",
            "before": before,
            "after": after,
            "effect": "e\x1b[2J",
        }

    changes = [change("added", "", "1"), change("changed", "1", "2"), change("removed", "1", "")]
    lines = [click.unstyle(line) for line in change_lines(changes)]
    assert lines[::2] == ["+ added", "~ changed", "- removed"]
    assert lines[3] == "    w  1 -> 2  e"


@pytest.mark.usefixtures("daemon")
def test_up_shows_what_it_changes_in_what_runs_already(headway: Headway, folder: Path) -> None:
    assert "+ ads" not in headway("up").out
    text = (folder / "site.yaml").read_text()
    (folder / "site.yaml").write_text(text.replace("replicas: 3", "replicas: 4"))
    said = headway("up").out
    assert "  ~ ads" in said
    assert "3 -> 4" in said


NASTY = "a\x1b]0;title\x07b\x9b2Jc\u202ed\x7fe\rf\udc80"


@pytest.mark.usefixtures("daemon")
def test_what_a_service_writes_is_escaped_in_json_and_harmless_as_text(
    headway: Headway, control: StrawControl
) -> None:
    headway("up")
    control.log.append(LogLine(ReplicaId("ads-0"), NASTY[:-1]))
    told = headway("logs", "ads", "-o", "json").out
    assert json.loads(told)["lines"][0]["text"] == NASTY[:-1]
    for said in (told, headway("logs", "ads").out):
        assert all(c.isprintable() or c == "\n" for c in said)
    assert show.as_json(NASTY).isprintable()
    assert json.loads(show.as_json(NASTY)) == NASTY


def test_nothing_in_a_table_makes_a_line_of_its_own() -> None:
    rows: list[list[show.Cell]] = [["a", "ready\nads  FAILED"], ["b\tc", "x"]]
    assert len(show.table(rows).splitlines()) == 2


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_a_table_never_is_wider_than_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "width", lambda: columns)
    rows: list[list[show.Cell]] = [
        ["SERVICE", "RELEASE", "STATE"],
        ["a-service-with-quite-a-long-name-indeed", "r3bce4cf", "漢字" * 40],
    ]
    lines = show.table(rows, spare=("RELEASE",)).splitlines()
    assert max(show.columns_of(line) for line in lines) <= max(columns, 26)
    assert ("RELEASE" in lines[0]) == (columns >= 80)


@pytest.mark.parametrize("columns", [1, 5, 30])
def test_a_coloured_line_is_cut_by_what_shows(columns: int) -> None:
    line = click.style("red" * 5, fg="red") + " and " + click.style("漢字" * 5, bold=True)
    cut = show.cut(line, columns)
    assert show.columns_of(click.unstyle(cut)) <= columns
    assert click.unstyle(show.cut("short", 80)) == "short"


def _seen(ready: int) -> Any:
    def replica(number: int, phase: str) -> dict[str, Any]:
        return {
            "id": f"web-{number}", "phase": phase, "reason": "", "pid": number, "port": 1,
            "host": "h", "zone": "", "release": "r1", "incarnation": 1, "restarts": 0,
            "started_at": "2026-01-01T12:00:00Z",
        }  # fmt: skip

    replicas = [replica(n, "ready") for n in range(ready)] + [replica(ready, "failed")]
    return {"at": "2026-01-01T12:00:09Z", "services": [
        {"name": "web", "failed": False, "settled": False, "replicas": replicas},
    ]}  # fmt: skip


def test_a_thousand_replicas_fold_and_the_one_that_is_different_stands_first() -> None:
    lines = picture._replicas(_seen(1000), {"web-7"}, room=20).splitlines()
    told = [line.split() for line in map(click.unstyle, lines[1:])]
    assert [row[:3] for row in told] == [
        ["web-1000", "failed", "1000"],
        ["web", "x", "999"],
        ["*", "web-7", "ready"],
    ]
    assert len(picture._replicas(_seen(10), (), room=20).splitlines()) == 12
