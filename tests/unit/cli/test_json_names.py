"""docs/json.md and what the commands answer have the same names in them.

HEADWAY_GOLDEN=write makes the document follow; look at the difference: programs depend on it.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.commands import CALLS, of_straw
from tests.unit.cli.conftest import Headway

PAGE = Path(__file__).parents[3] / "docs" / "json.md"
BEGIN = "<!-- names: begin -->\n"
OF_ANOTHER_STANDARD = {"api openapi", "schema", "query"}  # they describe themselves
# What is told again as part of another answer.
WHOLE = {("up", "status"): "status", ("up", "apply.plan"): "plan"}
SITES = {"check": ("ads: {", "ads: {replica: 1, "), "plan": ("replicas: 2", "replicas: 3")}
BY_NAME = {"phases": "PHASE", "keepers": "NAME", "data": "NAME"}  # objects with a key for each


@pytest.mark.usefixtures("daemon")
def test_the_names_in_json_are_the_documented_ones(
    headway: Headway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_straw(monkeypatch)
    headway("up")
    headway("scale", "ads", "5")
    headway("token", "create", "before", "--role", "viewer", "--for", "1d")
    told = "".join(
        _section(headway, name, calls[0], tmp_path)
        for name, calls in CALLS.items()
        if name not in OF_ANOTHER_STANDARD
    )
    text = PAGE.read_text(encoding="utf-8")
    head, begin, documented = text.partition(BEGIN)
    assert begin
    if os.environ.get("HEADWAY_GOLDEN") == "write":
        PAGE.write_text(head + begin + told, encoding="utf-8")
        documented = told
    assert told == documented


def _section(headway: Headway, name: str, words: tuple[str, ...], tmp_path: Path) -> str:
    site, before = Path("site.yaml"), Path("site.yaml").read_text(encoding="utf-8")
    site.write_text(before.replace(*SITES.get(name, ("", ""))), encoding="utf-8")
    said = headway(*name.split(), *(word.format(tmp=tmp_path) for word in words), "-o", "json")
    site.write_text(before, encoding="utf-8")
    if name == "down":
        headway("up")
    found = list(dict.fromkeys(_names(json.loads(said.out), "", name)))
    deeper = [one for one in found if not any(f"{one}." in other for other in found)]
    lines = "\n".join(deeper)
    return f"\n### `{name}`\n\n```\n{lines}\n```\n"


def _names(value: Any, path: str, command: str) -> Iterator[str]:
    """`services[].replicas[].id`: one line for whatever holds no more names."""
    if (command, path) in WHOLE:
        yield f"{path} = all of {WHOLE[command, path]}"
    elif isinstance(value, dict) and value:
        instead = BY_NAME.get(path.rpartition(".")[2])
        for key, inner in value.items():
            yield from _names(inner, f"{path}.{instead or key}".lstrip("."), command)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for one in value:
            yield from _names(one, f"{path}[]", command)
    else:
        yield f"{path}[]" if isinstance(value, list) else path
