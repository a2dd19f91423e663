"""What a clumsy operator gets to read, and that nothing is broken by it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headway.api.control import SiteSource
from headway.cli.failure import last_words
from headway.model.actor import Actor, Role
from headway.model.ids import EnvironmentId, EnvironmentName, SiteName
from headway.testing.control import StrawControl

Headway = Callable[..., Any]


@pytest.mark.parametrize(
    "words",
    [
        ("restart", "../../x"),
        ("logs", "../../etc/passwd"),
        ("status", "--site", "../x"),
        ("status", "--env", ""),
        ("drain", "a/b-1"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("daemon")
def test_what_cannot_be_a_name_is_refused_in_the_words_of_the_command(
    headway: Headway, words: tuple[str, ...]
) -> None:
    headway("up")
    said = headway(*words)
    assert said.code == 2
    assert "cannot be a name" in said.err
    assert "/api/" not in said.err


@pytest.mark.usefixtures("daemon")
def test_scaling_for_too_long_is_refused_with_the_limit(headway: Headway) -> None:
    said = headway("scale", "ads", "4", "--for", "40d")
    assert (said.code, "at most 30d" in said.err) == (2, True)


def test_a_home_of_somebody_unknown_is_told_and_no_fault(
    headway: Headway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWAY_HOME", "~nobody-at-all/x")
    said = headway("status")
    assert (said.code, "nobody knows which folder ~nobody-at-all is" in said.err) == (1, True)
    assert json.loads(headway("status", "-o", "json").out)["code"] == "failed"


@pytest.mark.usefixtures("daemon")
def test_hints_name_the_site_where_it_could_not_be_guessed(headway: Headway, folder: Path) -> None:
    headway("up")
    other = folder / "other.yaml"
    other.write_text((folder / "site.yaml").read_text().replace("shop", "mall"))
    said = headway("up", "other.yaml")
    assert "Next: headway status --site mall ; headway down --site mall" in said.out
    assert headway("status", "--site", "mall").code == 0


@pytest.mark.usefixtures("daemon")
def test_a_down_that_somebody_turns_round_ends_at_once(
    headway: Headway, daemon: StrawControl, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headway("up")
    source = SiteSource((folder / "site.yaml").read_text(), str(folder), "site.yaml")
    where = EnvironmentId(SiteName("shop"), EnvironmentName("production"))

    def bring_up_again(_: float) -> None:
        asyncio.run(daemon.apply(source, where, Actor("ann", Role.ADMIN), plan=None))

    monkeypatch.setattr("headway.cli.follow.time.sleep", bring_up_again)
    said = headway("down", "--yes")
    assert (said.code, "somebody brought it up again" in said.err) == (1, True)


@pytest.mark.usefixtures("daemon")
def test_no_events_are_said_to_be_none(headway: Headway) -> None:
    headway("up")
    assert headway("events", "-k", "earthquake").out == "no events of the kind `earthquake`\n"


def test_a_description_can_be_shown_with_every_default_and_means_the_same(
    headway: Headway, folder: Path
) -> None:
    said = headway("check", "--expand")
    assert said.code == 0
    assert "surge_max: 1" in said.out
    (folder / "site.yaml").write_text(said.out)
    assert headway("check", "--expand").out == said.out


def test_the_end_of_a_failed_headwayds_log_is_shown_without_its_traceback(
    headway: Headway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    false_python = tmp_path / "python"
    false_python.write_text(
        "#!/bin/sh\nprintf 'Traceback (most recent call last):\\n'"
        "'  File \"x.py\", line 1\\nValueError: no disk\\n' >&2\nexit 1\n"
    )
    false_python.chmod(0o755)
    monkeypatch.setattr("headway.cli.headwayd.sys.executable", str(false_python))
    said = headway("up")
    assert "ValueError: no disk" in said.err
    assert 'File "x.py"' not in said.err


def test_an_output_nobody_reads_is_no_failure_and_a_full_disk_is_said(folder: Path) -> None:
    headway = str(Path(sys.executable).with_name("headway"))

    def schema(redirected: str = "", out: int | None = None) -> tuple[int, str]:
        bash = ["bash", "-c", f"exec {headway} schema {redirected}"]
        done = subprocess.run(
            bash, cwd=folder, stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
        return done.returncode, done.stderr

    unread, pipe = os.pipe()
    os.close(unread)
    assert schema(out=pipe) == (0, "")
    os.close(pipe)
    assert schema(">&-") == (0, "")
    code, said = schema("> /dev/full")
    assert code == 1
    assert "the output cannot be written: No space left on device" in said


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        (("--- 2026-01-01T00:00:00Z web-1 life 1 begins", "no module x"), ["no module x"]),
        (
            (
                "no module x",
                "--- 2026-01-01T00:00:01Z web-1 life 2 begins",
                "no module x",
                "--- 2026-01-01T00:00:02Z web-1 life 3 begins",
            ),
            ["no module x"],
        ),
        ((), []),
    ],
)
def test_a_failure_shows_the_last_words_once_and_no_lines_of_our_own(
    log: tuple[str, ...], shown: list[str]
) -> None:
    assert last_words(log) == shown


def test_down_in_a_folder_that_was_never_used_starts_nothing(
    headway: Headway, tmp_path: Path
) -> None:
    assert headway("down", "--yes").out == "nothing to do: it is not running\n"
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize("words", [("down", "--yes"), ("doctor",)], ids=" ".join)
def test_a_home_of_another_user_is_told_and_no_fault(
    headway: Headway, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """As `os.stat` answers somebody else's 0700 folder; root, who may run this, sees everything."""
    real = os.stat

    def stat(path: Any, *rest: Any, **more: Any) -> os.stat_result:
        if str(path).startswith("/theirs"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest, **more)

    monkeypatch.setenv("HEADWAY_HOME", "/theirs/home")
    monkeypatch.setattr("os.stat", stat)
    said = headway(*words)
    assert said.code in {1, 5}
    assert "a fault in headway" not in said.err
    assert "/theirs/home" in said.out + said.err
