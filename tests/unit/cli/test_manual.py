"""The manual page says what the commands say, and is sound."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tests.debs import programs
from tests.unit.cli.commands import COMMANDS

from headway.cli.manual import ENVIRONMENT, manual

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "man" / "headway.1"


def test_the_manual_page_is_that_of_these_commands() -> None:
    assert PAGE.read_text(encoding="utf-8") == manual(), "write it anew: make man"


def test_every_command_is_in_it() -> None:
    heads = re.findall(
        r'^\.SS "headway (.*?)(?: \[.*)?"$', manual().replace("\\-", "-"), re.MULTILINE
    )
    assert heads == list(COMMANDS)


def test_it_knows_the_same_variables_as_the_reference() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    section = reference.partition("## Environment of the command")[2].partition("\n## ")[0]
    named = [
        n for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for n in row.split(", ")
    ]
    assert [name.strip("`") for name in named] == list(ENVIRONMENT)


def test_no_formatter_complains(not_run: Callable[[str], NoReturn]) -> None:
    mandoc = programs("mandoc", not_run=not_run) / "mandoc"
    done = subprocess.run(
        [mandoc, "-T", "lint", PAGE], capture_output=True, text=True, timeout=60, check=False
    )
    # It shall not change with the calendar.
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []
