"""docs/reference.md and the command say the same."""

import re
from pathlib import Path

from headway.cli.main import VERBS
from headway.cli.trouble import Exit

TEXT = (Path(__file__).parents[3] / "docs" / "reference.md").read_text()


def test_the_reference_has_every_command_in_the_order_of_the_help() -> None:
    section = TEXT.partition("## Commands")[2].partition("##")[0]
    assert re.findall(r"^\| `([\w-]+)", section, re.MULTILINE) == list(VERBS)


def test_the_reference_has_every_exit_code() -> None:
    section = TEXT.partition("## Exit codes")[2].partition("##")[0]
    assert [int(c) for c in re.findall(r"^\| (\d+) ", section, re.MULTILINE)] == list(Exit)
