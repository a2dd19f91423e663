"""Tokens on the disk: hashes only, for their owner only, all of them or those of before."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway.access.io.token_file import TokenFile
from headway.access.token import Token, digest_of, secret_from
from headway.model.actor import Role, Scope
from headway.model.errors import HeadwayError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = secret_from(bytes(32))
LIMITS = Scope(frozenset({"shop/test"}), frozenset({"see"}), NOON + timedelta(days=1))
TOKENS = (
    Token("ci", Role.OPERATOR, LIMITS, digest_of(SECRET), "ann", NOON, NOON),
    Token("pager", Role.VIEWER, Scope(until=NOON), digest_of("x"), "token:ci", NOON),
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    assert TokenFile(path).load() == ()
    TokenFile(path).save(TOKENS)
    assert TokenFile(path).load() == TOKENS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SECRET not in path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_one_that_died_while_saving_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    (tmp_path / ".tokens.json.new").write_text("half")
    TokenFile(path).save(TOKENS)
    assert TokenFile(path).load() == TOKENS


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": 2, "tokens": []}', '{"format": 1, "tokens": [{}]}', "\0"],
)
def test_a_damaged_file_is_said_and_never_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(text)
    with pytest.raises(HeadwayError, match=r"tokens\.json cannot be read") as caught:
        TokenFile(path).load()
    assert "no token counts" in caught.value.remedy


def test_what_cannot_be_written_leaves_those_of_before(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    TokenFile(path).save(TOKENS[:1])
    (tmp_path / ".tokens.json.new").mkdir()  # as good as a full disk: nothing new can be made
    with pytest.raises(HeadwayError, match="cannot be written"):
        TokenFile(path).save(TOKENS)
    assert TokenFile(path).load() == TOKENS[:1]
