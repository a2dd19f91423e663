"""The schema in a real editor's language server: silent, warning and helping where it should."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tests.contracts.language_server import editor, installed

from headway.site.schema import schema

EXAMPLE = Path(__file__).parents[2] / "examples" / "search" / "site.yaml"
MODELINE = "# yaml-language-server: $schema=site.schema.json\n"


def test_an_editor_is_silent_about_the_example_and_points_at_a_misspelt_key(
    tmp_path: Path, not_run: Callable[[str], NoReturn]
) -> None:
    server = installed(not_run)
    (tmp_path / "site.schema.json").write_text(json.dumps(schema()), encoding="utf-8")
    text = MODELINE + EXAMPLE.read_text(encoding="utf-8")
    good, bad = tmp_path / "site.yaml", tmp_path / "bad.yaml"
    good.write_text(text, encoding="utf-8")
    bad.write_text(text.replace("    replicas: 3\n", "    replcas: 3\n"), encoding="utf-8")
    with editor(server, tmp_path) as session:
        assert session.open(good) == []
        (said,) = session.open(bad)
        assert "replcas" in said
        # Now the schema is loaded for certain, so silence means that all is well.
        lines = text.splitlines()
        assert session.change(good, text + "# the end\n", 2) == []
        at = next(n for n, line in enumerate(lines) if line.startswith("    replicas:"))
        typing = "\n".join([*lines[:at], "    slow", *lines[at:]]) + "\n"
        session.change(good, typing, 3)
        assert "slow_start" in session.completions(good, at, len("    slow"))
    shutil.rmtree(tmp_path)
