"""What holds for every command there is: JSON, help, examples, how bad news looks."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from tests.unit.cli.commands import CALLS, COMMANDS, of_straw

from headway.cli.main import SECTIONS, VERBS, sections
from headway.cli.main import headway as group
from headway.cli.trouble import EXIT_BY_CODE, MEANING, Exit
from headway.cli.verb import COMMON, Verb

Headway = Callable[..., Any]

ALL_CALLS = [(*name.split(), *words) for name, calls in CALLS.items() for words in calls]
EXAMPLES = [
    example
    for command in COMMANDS.values()
    if isinstance(command, Verb)
    for example in command.examples
]


def test_there_is_a_call_for_every_command() -> None:
    assert set(CALLS) == set(COMMANDS)


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("words", ALL_CALLS, ids=" ".join)
def test_every_command_answers_in_json(
    headway: Headway, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_straw(monkeypatch)
    headway("up")
    said = headway(*(word.format(tmp=tmp_path) for word in words), "-o", "json")
    json.loads(said.out)
    assert said.err == ""
    assert all(c.isprintable() or c == "\n" for c in said.out)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_wrong_usage_in_json_too(headway: Headway, name: str) -> None:
    said = headway(*name.split(), "--nonsense", "-o", "json")
    told = json.loads(said.out)
    assert (said.code, said.err, told["code"]) == (2, "", "usage")
    assert "--nonsense" in told["error"]
    assert f"headway {name} --help" in told["remedy"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_has_a_sentence_usage_options_examples_and_exit_codes(
    headway: Headway, name: str
) -> None:
    said = headway(*name.split(), "--help")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith(f"Usage: headway {name} ")
    assert re.fullmatch(r"  [A-Z`].{10,}", lines[2])
    for title in ("Options:", "Options of every command:", "Examples:", "Exit codes:"):
        assert title in lines
    assert "  130  interrupted" in said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options_and_explains_all_of_its_own(name: str) -> None:
    options = [p for p in COMMANDS[name].params if isinstance(p, click.Option)]
    assert set(COMMON) <= {option.name for option in options}
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_time_with_a_default_shows_it(name: str) -> None:
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option) and option.type.name == "duration":
            assert option.show_default or not isinstance(option.default, str | float)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_understood(example: str) -> None:
    """By the real parser; what else stands in it is the shell's."""
    for words in _calls(example):
        context = group.make_context("headway", words[1:])
        command: click.Command = group
        rest = words[1:]
        while isinstance(command, click.Group):
            inner = command.get_command(context, rest[0])
            assert inner is not None, rest
            command, rest = inner, rest[1:]
        command.make_context(command.name, rest, parent=context)


def _calls(example: str) -> Iterator[list[str]]:
    """Every `headway …` of a line for a shell."""
    tokens = shlex.shlex(example, posix=True, punctuation_chars="|&<>")
    tokens.whitespace_split = True
    call: list[str] = []
    for token in [*tokens, "|"]:
        if set(token) <= set("|&<>"):
            if call[:1] == ["headway"] or call[:1] == ["(headway"]:
                yield [
                    "headway",
                    *call[1:-1],
                    call[-1].rstrip(")") if call[0][0] == "(" else call[-1],
                ]
            call = []
        else:
            call.append(token)


SAFE = ("check", "plan", "diff", "status", "envs", "why", "events", "explain", "schema", "version",
        "completion", "api")  # fmt: skip
FOLLOWS = {"-f", "--follow", "--watch", "--env"}  # no end of its own, or another environment


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize(
    "example",
    [
        e
        for e in EXAMPLES
        if e.startswith("headway ") and e.split()[1] in SAFE and not FOLLOWS & set(e.split())
    ],
)
def test_every_example_that_changes_nothing_does_what_it_says(
    headway: Headway, example: str, folder: Path
) -> None:
    with (folder / "site.yaml").open("a") as file:
        file.write('environments: {test: {"*.replicas": 1}, micro: {"*.replicas": 1}}\n')
    headway("up")
    (words,) = _calls(example)
    said = headway(*words[1:])
    assert (said.code, said.err) == (0, "")
    assert said.out


def test_the_commands_stand_under_titles_in_the_order_of_a_days_work(headway: Headway) -> None:
    assert SECTIONS.keys() <= VERBS.keys()
    assert [name for names in sections().values() for name in names] == list(VERBS)
    lines = headway("--help").out.splitlines()
    titles = [f"{title}:" for title in sections()]
    assert [line for line in lines if line in titles] == titles
    assert titles[0] == "Describe:"


def test_every_exit_code_has_a_meaning_and_the_help_lists_them(headway: Headway) -> None:
    assert set(MEANING) == set(Exit)
    assert set(EXIT_BY_CODE.values()) <= set(Exit)
    said = headway("--help").out
    assert all(f"  {int(code)} " in said and text in said for code, text in MEANING.items())


def test_an_option_of_a_command_before_it_is_told_where_it_belongs(headway: Headway) -> None:
    said = headway("--env", "test", "status")
    assert said.code == 2
    assert "--env comes after the command" in said.err
    assert "= help: headway status --env" in said.err


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        (("stauts",), "headway status"),
        (("status", "--wacth"), "--watch"),
        (("token", "crate"), "create"),
        (("scale", "ads", "2", "--fro", "2h"), "--for"),
    ],
)
def test_what_is_misspelt_gets_a_suggestion(
    headway: Headway, words: tuple[str, ...], suggested: str
) -> None:
    said = headway(*words)
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert suggested in said.err.splitlines()[0]


def test_a_fault_is_an_object_in_json(headway: Headway, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr("headway.cli.client.Client.get", broken)
    said = headway("status", "-o", "json")
    told = json.loads(said.out)
    assert (said.code, said.err, told["code"]) == (1, "", "fault")
    Path(told["remedy"].partition("details: ")[2].partition(";")[0]).unlink()
