"""What is told about descriptions is true: explanations and reports."""

import re
import sys
from pathlib import Path
from subprocess import run

import pytest

from headway.model.ids import PRODUCTION, EnvironmentName
from headway.site import parse as parse_module
from headway.site.explain import EXPLANATIONS, explain, render
from headway.site.parse import parse
from headway.site.problem import Problem
from headway.site.problem import render as render_problems

SOURCES = Path(parse_module.__file__).parent


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_the_wrong_example_has_the_problem_and_the_right_one_has_none(code: str) -> None:
    explanation = EXPLANATIONS[code]
    environment = EnvironmentName("micro") if code == "HW051" else PRODUCTION
    wrong = parse(explanation.wrong * explanation.times, file="x", environment=environment)
    right = parse(explanation.right, file="x", environment=environment)
    assert {p.code for p in wrong.problems} == {code}
    assert right.problems == ()


def test_every_code_in_the_sources_is_explained() -> None:
    sources = "".join(f.read_text(encoding="utf-8") for f in SOURCES.rglob("*.py"))
    assert set(re.findall(r"HW\d{3}", sources)) == set(EXPLANATIONS)


def test_an_explanation_is_found_however_its_code_is_typed() -> None:
    for typed in ("HW012", "hw012", "hw12", "12", " HW12 "):
        assert explain(typed) is EXPLANATIONS["HW012"]
    for typed in ("", "HW", "HW999", "x", "\uff11\uff12", "9" * 9_000):
        assert explain(typed) is None


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_an_explanation_fits_on_a_screen(code: str) -> None:
    lines = render(EXPLANATIONS[code]).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80 or code == "HW004"


def test_explaining_needs_no_parser() -> None:
    program = "import sys, headway.site.explain; print(*sys.modules)"
    modules = run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"pydantic", "yaml", "asyncio"} & set(modules.stdout.split())


def test_a_report_looks_like_this() -> None:
    text = (
        "headway: 1\nsite: search\nentry: {service: frontend, port: 8080}\n"
        "latency_budget: 200\nservices:\n  index: {run: ./index}\n  frontend:\n"
        "    run: ./frontend\n    calls:\n      indx:   {deadline: 150ms}\n"
    )
    assert parse(text, file="site.yaml").report() == (
        "error[HW020]: a duration needs a unit\n"
        "  --> site.yaml:4:17\n"
        "   |\n"
        " 4 | latency_budget: 200\n"
        "   |                 ^^^\n"
        "   = help: write `200ms` or `200s`\n"
        "\n"
        "error[HW012]: `frontend` calls `indx`, and no service has that name\n"
        "  --> site.yaml:10:7\n"
        "   |\n"
        "10 |       indx:   {deadline: 150ms}\n"
        "   |       ^^^^\n"
        "   = help: did you mean `index`? Services here: index, frontend\n"
        "\n"
        "2 errors in site.yaml. Nothing was changed.\n"
    )


def test_a_report_keeps_its_caret_in_place_in_wide_and_long_lines() -> None:
    wide = render_problems([Problem("HW011", 1, 4, 2, "m")], text="語語:ab", file="f")
    assert "   |      ^^\n" in wide
    text = "x" * 500 + "bad" + "y" * 500
    lines = render_problems([Problem("HW011", 1, 501, 3, "m")], text=text, file="f").splitlines()
    assert len(lines[3]) < 120
    caret = lines[4].index("^")
    assert lines[3][caret : caret + 3] == "bad"


def test_nothing_in_a_report_moves_the_cursor() -> None:
    problem = Problem("HW011", 1, 1, 1, "\x1b[2Ja\nb", "\u202eevil")
    report = render_problems([problem], text="\x1b[31m", file="a\x07b")
    assert all(c.isprintable() or c == "\n" for c in report)
