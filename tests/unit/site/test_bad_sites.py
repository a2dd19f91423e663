"""Each file in `tests/bad_sites` holds one mistake; its first line says what must be said of it."""

import re
from pathlib import Path

import pytest

from headway.site.explain import EXPLANATIONS
from headway.site.parse import parse
from headway.site.problem import Problem

FOLDER = Path(__file__).parents[2] / "bad_sites"
FILES = sorted(FOLDER.glob("*.yaml"))
# Cannot be said in such a file: too large, and characters that a comment cannot stand beside.
SAID_ELSEWHERE = {"HW001", "HW010", "HW051"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_one_mistake_gives_one_problem_at_its_place(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    parsed = parse(text, file=file.name)
    found = [f"# {p.code} {p.line}:{p.column} {p.message}{second(p)}" for p in parsed.problems]
    assert found == [text.splitlines()[0]]


def second(problem: Problem) -> str:
    """Some problems lie between two places: both are shown."""
    also = problem.also
    return f"; {also.line}:{also.column} {also.text}" if also else ""


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_problem_comes_with_a_remedy_and_a_caret(file: Path) -> None:
    parsed = parse(file.read_text(encoding="utf-8"), file=file.name)
    report = parsed.report()
    assert re.search(r"^   = help: \S", report, re.MULTILINE)
    carets = re.findall(r"^   \| +\^+", report, re.MULTILINE)
    assert len(carets) == (2 if parsed.problems[0].also else 1)
    assert f" --> {file.name}:" in report


def test_there_is_a_bad_site_for_every_code() -> None:
    said = {f.read_text(encoding="utf-8").split()[1] for f in FILES}
    assert set(EXPLANATIONS) - said == SAID_ELSEWHERE
    assert len(FILES) >= 150
