"""How single values are read: units, numbers, words, commands, secrets, paths."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.site.command import read_command
from headway.site.paths import read_file_path, read_url_path
from headway.site.refused import Refused
from headway.site.secret import check_references, secrets_in
from headway.site.tree import Mark, Scalar
from headway.site.values import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    cores,
    count,
    duration,
    read_size,
    read_switch,
    read_text,
    spell_duration,
    spell_size,
)

any_duration = duration(0, 86_400 * 400, example="5s")


def plain(text: str) -> Scalar:
    return Scalar(text, plain=True, mark=Mark(1, 1, 1))


def in_quotes(text: str) -> Scalar:
    return Scalar(text, plain=False, mark=Mark(1, 1, 1))


def code_of(reader: Callable[[Any], object], value: object) -> str:
    with pytest.raises(Refused) as refused:
        reader(value)
    assert refused.value.help
    return refused.value.code


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("200ms", 0.2), ("5s", 5), ("1.5m", 90), ("2h", 7200), ("1d", 86_400), ("40us", 0.00004)],
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert any_duration(plain(text)) == seconds


@pytest.mark.parametrize(
    "text",
    ["200", "5 s", "s", "-5s", "5S", "1h30m", "1e3s", "\u0665s", "5s\n", "9" * 400 + "s", ".5s"],
)
def test_nothing_else_is_a_duration(text: str) -> None:
    assert code_of(any_duration, plain(text)) == "HW020"


@given(st.integers(0, 86_400 * 10**9))
def test_a_duration_is_spelled_exactly(nanoseconds: int) -> None:
    seconds = round(nanoseconds / 10**9, 9)
    spelled = spell_duration(seconds)
    if re.match(DURATION_PATTERN, spelled):
        assert any_duration(plain(spelled)) == pytest.approx(seconds, abs=1e-12)


@given(st.integers(10**6, 10**15))
def test_a_size_is_spelled_exactly(size_bytes: int) -> None:
    spelled = spell_size(size_bytes)
    assert re.match(SIZE_PATTERN, spelled)
    assert read_size(plain(spelled)) == size_bytes


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("256MB", 256 * 10**6), ("1GiB", 2**30), ("1.5GB", 15 * 10**8)]
)
def test_mb_is_a_million_and_mib_is_not(text: str, size_bytes: int) -> None:
    assert read_size(plain(text)) == size_bytes


@pytest.mark.parametrize("text", ["256", "256mb", "256 MB", "MB", "-1MB", "1Mb", "256M"])
def test_nothing_else_is_a_size(text: str) -> None:
    assert code_of(read_size, plain(text)) == "HW021"


@pytest.mark.parametrize("text", ["012", "0x10", "1_000", "1:30", "0o17", "0b1"])
def test_numbers_that_tools_read_differently_are_refused(text: str) -> None:
    assert code_of(count(0, 10**6, example="1"), plain(text)) == "HW023"
    assert code_of(read_text, plain(text)) == "HW023"
    assert read_text(in_quotes(text)) == text


@pytest.mark.parametrize("text", ["yes", "No", "ON", "off", "true", "False"])
def test_truths_that_are_not_meant_as_such_are_refused(text: str) -> None:
    assert code_of(read_text, plain(text)) == "HW023"
    assert read_text(in_quotes(text)) == text


def test_only_true_and_false_are_switches() -> None:
    assert read_switch(plain("true")) is True
    assert read_switch(plain("false")) is False
    assert code_of(read_switch, plain("on")) == "HW023"
    assert code_of(read_switch, in_quotes("true")) == "HW023"
    assert code_of(read_switch, plain("perhaps")) == "HW025"


def test_lists_and_mappings_are_not_single_values() -> None:
    for reader in (any_duration, read_size, cores, read_text, read_switch):
        assert code_of(reader, [plain("1")]) == "HW015"
        assert code_of(reader, {"a": plain("1")}) == "HW015"
        assert code_of(reader, plain("")) == "HW035"


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        ("python -m search", ("python", "-m", "search")),
        ("./serve --port $PORT", ("./serve", "--port", "$PORT")),
        ("./serve --port ${PORT} --name=a:b", ("./serve", "--port", "${PORT}", "--name=a:b")),
        ("sh -c 'cd app && exec ./serve > log'", ("sh", "-c", "cd app && exec ./serve > log")),
        ("./serve \"a;b\" 'x|y' a\\&b", ("./serve", "a;b", "x|y", "a&b")),
        ("./serve --glob *.txt #1", ("./serve", "--glob", "*.txt", "#1")),
        ("./serve ''", ("./serve", "")),
    ],
)
def test_a_command_is_split_as_a_shell_would(line: str, argv: tuple[str, ...]) -> None:
    assert read_command(in_quotes(line)) == argv


@pytest.mark.parametrize(
    "line",
    [
        *("a && b", "a || b", "a | b", "a > b", "a >> b", "a < b", "a; b", "a &", "a 2>&1"),
        *("a $(b)", "a `b`", "a\nb", "cd a", "export A=b", "A=b c", "source a", 'a "b" | c'),
    ],
)
def test_what_needs_a_shell_is_named(line: str) -> None:
    assert code_of(read_command, in_quotes(line)) == "HW027"


@pytest.mark.parametrize("line", ["a 'b", 'a "b', "a \\", "''", "#"])
def test_half_a_command_is_refused(line: str) -> None:
    if line == "#":
        assert read_command(in_quotes(line)) == ("#",)
    else:
        assert code_of(read_command, in_quotes(line)) == "HW028"


def test_a_list_is_taken_as_it_is() -> None:
    assert read_command([plain("a"), plain("&&"), plain("$PORT")]) == ("a", "&&", "$PORT")
    assert code_of(read_command, []) == "HW028"
    assert code_of(read_command, [plain("a"), [plain("b")]]) == "HW015"
    assert code_of(read_command, [plain("a")] * 1000) == "HW026"


@given(st.text(max_size=200))
def test_a_command_is_read_or_refused_whatever_it_is(line: str) -> None:
    try:
        argv = read_command(in_quotes(line))
    except Refused:
        return
    assert argv[0]


@pytest.mark.parametrize(
    "text",
    [
        *("${secret:}", "${secret}", "${secret:a b}", "${secrets:a}", "$secret:a", "${Secret:a}"),
        *("x${secret:a", "${ secret:a}", "$(secret:a)", "${secret.a}", "${secret:a}${secret:}"),
    ],
)
def test_what_was_meant_as_a_secret_must_be_written_as_one(text: str) -> None:
    assert code_of(check_references, text) == "HW030"


def test_a_text_may_hold_several_secrets_and_dollars() -> None:
    text = "postgres://u:${secret:db.pass}@h/${secret:name_2} costs $5 ${HOME} $secretary"
    check_references(text)
    assert secrets_in(text) == ("db.pass", "name_2")


@pytest.mark.parametrize("path", ["healthz", "/a b", "/a#b", "/a\n", "/é", "http://x/"])
def test_a_path_of_a_url_is_strict(path: str) -> None:
    assert code_of(read_url_path, in_quotes(path)) == "HW032"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "~/x"])
def test_files_of_a_release_stay_in_the_folder(path: str) -> None:
    assert code_of(read_file_path, plain(path)) == "HW032"
    assert read_file_path(plain("words/..de.txt")) == "words/..de.txt"
