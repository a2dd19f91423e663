"""What a service is told: heeded when it is understood, over when it says so, never longer."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headway_sdk.control import NOTHING, WORD_S_MAX, ControlFile, Word, word_of

NOW_S = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()
UNTIL = "2026-11-23T12:10:00Z"


def text(
    level: object = "debug", until: object = UNTIL, version: object = 1, **more: object
) -> bytes:
    said = {"version": version, "log_level": level, "log_level_until": until, **more}
    return json.dumps(said).encode()


def look(file: ControlFile, after_s: float = 0.0) -> str:
    return file.look(steady_s=50.0 + after_s, now_s=NOW_S + after_s).level


def test_a_word_holds_until_its_end() -> None:
    assert word_of(text(), now_s=NOW_S) == Word("debug", 600.0, UNTIL)
    assert word_of(text(unknown="key"), now_s=NOW_S).level == "debug"  # a later Headway says more
    assert word_of(text(), now_s=NOW_S + 600) == NOTHING


def test_a_word_for_longer_than_a_day_holds_for_a_day() -> None:
    assert word_of(text(until="2099-01-01T00:00:00Z"), now_s=NOW_S).for_s == WORD_S_MAX


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 4096,
        text(level="trace"),
        text(level=["debug"]),
        text(level=10),
        text(version=2),
        text(until=None),
        text(until="soon"),
        text(until=1e308),
    ],
)
def test_what_is_not_understood_is_not_heeded_and_said(said: bytes) -> None:
    word = word_of(said, now_s=NOW_S)
    assert (word.level, word.problem) == ("", "is not understood")


def test_the_end_comes_by_the_steady_clock_and_without_anybody(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    file = ControlFile(str(path))
    assert look(file) == ""
    path.write_bytes(text())
    assert look(file) == "debug"
    assert look(file, 599.0) == "debug"
    # Somebody sets the machine's clock back; the file stays, because nobody is there to remove it.
    assert file.look(steady_s=50.0 + 600.0, now_s=NOW_S - 3600).level == ""


def test_a_new_word_replaces_the_old_one_and_no_file_ends_it(tmp_path: Path) -> None:
    path, new = tmp_path / "web.json", tmp_path / "new"
    file = ControlFile(str(path))
    path.write_bytes(text())
    assert look(file) == "debug"
    new.write_bytes(text("error", "2026-11-23T12:20:00Z"))
    new.replace(path)
    assert look(file, 1.0) == "error"
    assert look(file, 700.0) == "error"
    path.unlink()
    assert look(file, 701.0) == ""


def test_what_lies_there_instead_of_a_file_neither_blocks_nor_is_heeded(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    os.mkfifo(path)
    assert look(ControlFile(str(path))) == ""
    path.unlink()
    path.mkdir()
    assert look(ControlFile(str(path))) == ""
    assert look(ControlFile("a\0b")) == ""
