"""bash, zsh and fish complete commands, options and what runs; and are never shown an error."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.contracts import shell_world
from tests.debs import programs

from headway.testing.control import StrawControl
from headway.testing.served import served

pytestmark = pytest.mark.contract

HEADWAY = Path(sys.executable).with_name("headway")
SITE = """\
headway: 1
site: shop
owner: shop-team
entry: {service: frontend, port: 8080}
services:
  frontend: {run: python -m shop.frontend, replicas: 2}
  ads: {run: python -m shop.ads, replicas: 3}
environments:
  # a remark
  test:
    "*.replicas": 1
  micro: {"*.replicas": 1}
"""
NotRun = Callable[[str], NoReturn]


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Somebody beside a site.yaml, who has `headway` on the PATH."""
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "home").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "completion.bash"
    script.write_bytes(subprocess.check_output([HEADWAY, "completion", "bash"], timeout=60))
    return os.environ | {
        "COMPLETION": str(script),
        "HEADWAY_HOME": str(tmp_path / "home"),
        "PATH": f"{HEADWAY.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }


@pytest.fixture
def running(environ: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    with served(StrawControl(), tmp_path / "home"):
        subprocess.run([HEADWAY, "up"], env=environ, capture_output=True, check=True, timeout=60)
        yield environ


def shell(name: str, not_run: NotRun) -> Path:
    """The machine's, or one unpacked for the tests."""
    found = shutil.which(name)
    return Path(found) if found else programs(name, not_run=not_run) / name


def test_bash_completes_commands_options_and_what_runs(running: dict[str, str]) -> None:
    offered = {
        " ".join(words): shell_world.bash(["headway", *words], running)
        for words in (
            ["sta"],
            ["why", ""],
            ["logs", "frontend"],
            ["status", "--wat"],
            ["status", "--env", ""],
            ["explain", "HW00"],
            ["token", "re"],
        )
    }
    assert {err for _, err in offered.values()} == {""}
    assert offered["sta"][0] == ["status"]
    assert offered["why "][0] == ["ads", "frontend"]
    assert offered["logs frontend"][0] == ["frontend", "frontend-0", "frontend-1"]
    assert offered["status --wat"][0] == ["--watch"]
    assert offered["status --env "][0] == ["micro", "production", "test"]
    assert "HW001" in offered["explain HW00"][0]
    assert offered["token re"][0] == ["revoke"]


def test_fish_completes_commands_and_what_runs(running: dict[str, str], not_run: NotRun) -> None:
    fish = shell("fish", not_run)
    assert shell_world.fish(fish, ["headway", "sta"], running) == (["status"], "")
    assert shell_world.fish(fish, ["headway", "drain", "ads-"], running) == (
        ["ads-0", "ads-1", "ads-2"],
        "",
    )


def test_zsh_completes_commands_and_what_runs(running: dict[str, str], not_run: NotRun) -> None:
    with shell_world.zsh(shell("zsh", not_run), running) as keyboard:
        keyboard.type("headway why fr\t")
        keyboard.until("why frontend")
        keyboard.type("\x15headway drain ads-\t")
        keyboard.until("ads-0  ads-1  ads-2")


@pytest.mark.parametrize(
    "words",
    [["why", ""], ["nonsense", ""], ["status", "--nonsense", ""], ["scale", "ads", "x", ""]],
)
def test_without_headwayd_there_are_no_names_no_errors_and_nothing_is_started(
    environ: dict[str, str], words: list[str], tmp_path: Path
) -> None:
    offered, err = shell_world.bash(["headway", *words], environ)
    assert (offered, err) == ([], "")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_headway_that_was_removed_meanwhile_leaves_the_line_alone(
    environ: dict[str, str],
) -> None:
    gone = environ | {"PATH": "/usr/bin:/bin"}
    assert shell_world.bash(["headway", "sta"], gone) == ([], "")


def test_a_headwayd_that_hangs_is_not_waited_for(running: dict[str, str], tmp_path: Path) -> None:
    """Stopped where it accepts: nothing ever answers."""
    (tmp_path / "hung").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "hung" / "headwayd.sock"))
        hung.listen()
        environ = running | {"HEADWAY_HOME": str(tmp_path / "hung")}
        words = {"COMP_WORDS": "headway why ", "COMP_CWORD": "2"}
        done = subprocess.run(
            [HEADWAY],
            env=environ | words | {"_HEADWAY_COMPLETE": "bash_complete"},
            capture_output=True,
            timeout=15,  # less than a command waits for an answer
            check=False,
        )
    assert (done.stdout.strip(), done.stderr) == (b"", b"")
