"""`headway token`, and the command as somebody elsewhere uses it."""

import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Headway

from headway.testing.control import StrawControl


def test_the_secret_alone_is_on_standard_output(headway: Headway, daemon: StrawControl) -> None:
    made = headway("token", "create", "ci", "--role", "viewer", "--for", "30d")
    assert (made.code, len(made.out.strip())) == (0, 52)
    assert made.out.startswith("hw_")
    assert "shown this once" in made.err
    listed = headway("token", "list")
    assert "ci" in listed.out
    assert made.out.strip() not in listed.out + listed.err


def test_a_token_is_listed_with_its_limits_and_gone_when_revoked(
    headway: Headway, daemon: StrawControl
) -> None:
    made = headway(
        "token", "create", "ci", "--role", "operator", "--for", "1d", "--scope", "shop/test",
        "--verbs", "see, scale", "-o", "json",
    )  # fmt: skip
    token = json.loads(made.out)["token"]
    assert (token["places"], token["verbs"]) == (["shop/test"], ["scale", "see"])
    assert "shop/test; scale, see" in headway("token", "list").out
    assert headway("token", "revoke", "ci").out == "ci counts no more\n"
    assert headway("token", "list").out == "no tokens\n"
    assert headway("token", "revoke", "ci").code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--role", "viewer"), "--for"),
        (("--for", "1d"), "--role"),
        (("--role", "king", "--for", "1d"), "king"),
        (("--role", "viewer", "--for", "366d"), "at most 365d"),
        (("--role", "viewer", "--for", "1d", "--scope", "../x"), "places"),
        (("--role", "viewer", "--for", "1d", "--verbs", "fly"), "verbs"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    headway: Headway, daemon: StrawControl, words: tuple[str, ...], said: str
) -> None:
    refused = headway("token", "create", "ci", *words)
    assert refused.code == 2
    assert said in refused.err
    assert daemon.history == []


def test_one_elsewhere_that_does_not_answer_is_said_and_never_started(
    headway: Headway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWAY_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HEADWAY_TOKEN", "hw_" + "0" * 49)
    for words in (("status",), ("token", "list"), ("down", "--yes")):
        said = headway(*words)
        assert said.code == 6, words
        assert "no headwayd answers at http://127.0.0.1:1" in said.err
        assert "hw_0" not in said.err
    assert list((folder.parent / "home").iterdir()) == []
