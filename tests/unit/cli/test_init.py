"""`headway init` as its user meets it: from a file, from answers, and never over anything."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headway.cli import questions

KEPT = "# somebody wrote this\n"
Headway = Callable[..., Any]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def empty(folder: Path) -> Path:
    (folder / "site.yaml").unlink()
    return folder


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str, terminal: bool = False) -> None:
    text = "".join(f"{line}\n" for line in lines)
    monkeypatch.setattr("sys.stdin", Terminal(text) if terminal else io.StringIO(text))


def test_the_defaults_make_a_site_that_check_accepts(headway: Headway, empty: Path) -> None:
    said = headway("init", "--yes")
    assert (said.code, "1 service, from six defaults" in said.out) == (0, True)
    assert "0 errors, 0 warnings" in headway("check").out


def test_a_file_that_is_there_is_left_alone(headway: Headway, folder: Path) -> None:
    (folder / "site.yaml").write_text(KEPT)
    said = headway("init", "--yes")
    assert (said.code, "is there already" in said.err) == (2, True)
    assert (folder / "site.yaml").read_text() == KEPT
    assert headway("init", "--yes", "--force").code == 0
    assert (folder / "site.yaml").read_text() != KEPT


def test_a_name_that_no_file_can_have_is_said_before_anything_is_asked(
    headway: Headway, empty: Path
) -> None:
    (empty / "circle").symlink_to("circle")
    for name, reason in (("x" * 300, "File name too long"), ("circle", "Symlink loop")):
        said = headway("init", "--file", name)
        assert (said.code, reason in said.err, said.out) == (1, True, "")


def test_answers_may_come_from_a_pipe_and_the_rest_is_defaults(
    headway: Headway, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "market", "./serve 'a b' $PORT", "", "3", "none", "200ms")
    assert headway("init").code == 0
    text = (empty / "site.yaml").read_text()
    assert "site: market\n" in text
    assert "run: \"./serve 'a b' $PORT\"\n" in text
    assert "latency_budget: 200ms" in text
    assert "3 replicas; 0 errors" in headway("check").out
    (empty / "site.yaml").unlink()
    answer(monkeypatch, "market")
    assert headway("init").code == 0
    assert "site: market\n" in (empty / "site.yaml").read_text()


def test_a_wrong_answer_in_a_pipe_ends_it_and_nothing_is_written(
    headway: Headway, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "", "cd app && ./serve")
    said = headway("init")
    assert said.code == 2
    assert "Command that serves on $PORT" in said.err
    assert list(empty.iterdir()) == []


def test_a_person_may_try_again_but_not_for_ever(
    headway: Headway, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "", "", "eighty", "80", "", "healthz", "/a,b?c={d}", "", terminal=True)
    assert headway("init").code == 0
    assert "port: 80}" in (empty / "site.yaml").read_text()
    assert "0 errors" in headway("check").out
    (empty / "site.yaml").unlink()
    answer(monkeypatch, *["Wrong_Name"] * questions.TRIES_MAX, terminal=True)
    assert headway("init").code == 2


def test_what_describes_services_already_is_taken(headway: Headway, empty: Path) -> None:
    (empty / "Procfile").write_text("web: gunicorn shop:app\nworker: celery\n")
    said = headway("init")
    assert "2 services, from a Procfile" in said.out
    assert "worker: must serve on $PORT" in said.out
    (empty / "compose.yaml").write_text("services: {api: {command: ./api, ports: [8000]}}\n")
    said = headway("init", "--force")
    assert (said.code, "are both here" in said.err) == (2, True)
    told = json.loads(headway("init", "compose.yaml", "--force", "-o", "json").out)
    assert told["services"] == ["api"]
    assert "port: 8000}" in (empty / "site.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("compose.yaml", "services: {db: {image: postgres}}"),
        ("compose.yaml", "services: ["),
        ("Procfile", "nothing here\n"),
        ("compose.yaml", ""),
    ],
)
def test_an_origin_without_services_is_refused_with_the_reason(
    headway: Headway, empty: Path, name: str, text: str
) -> None:
    (empty / name).write_text(text)
    said = headway("init", name)
    assert said.code == 2
    assert "no service could be read" in said.err
    assert "= help: " in said.err
    assert not (empty / "site.yaml").exists()


def test_an_origin_that_is_not_there_is_said(headway: Headway, empty: Path) -> None:
    said = headway("init", "other.yaml")
    assert (said.code, "other.yaml: no such file" in said.err) == (2, True)


def test_a_folder_that_is_not_there_is_said(headway: Headway, empty: Path) -> None:
    said = headway("init", "--yes", "--file", "none/site.yaml")
    assert (said.code, "its folder does not exist" in said.err) == (2, True)


def test_a_link_to_nowhere_is_not_written_through(headway: Headway, empty: Path) -> None:
    (empty / "site.yaml").symlink_to("elsewhere/site.yaml")
    assert headway("init", "--yes").code == 2
