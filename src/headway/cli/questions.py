"""Six questions that make a description. Enter takes the default; answers may come from a pipe."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import click

from headway.cli.trouble import Trouble
from headway.site.command import read_command
from headway.site.draft import CONNECT, Draft, DraftService, health_by_get
from headway.site.paths import read_url_path
from headway.site.refused import Refused
from headway.site.tree import Mark, Scalar
from headway.site.values import check_name, count, duration

TRIES_MAX = 3
ANSWER_LENGTH_MAX = 10_000
NONE = "none"


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    default: str
    check: Callable[[str], object]  # raises `Refused`


def ask(site: str, *, quiet: bool, yes: bool) -> Draft:
    """The draft that the answers describe."""
    answers = [question.default if yes else _answer(question, quiet) for question in _of(site)]
    name, run, port, replicas, health, budget = answers
    service = DraftService("web", run, replicas=int(replicas))
    service.health = CONNECT if health == NONE else health_by_get(health)
    return Draft(
        site=name,
        origin="six defaults" if yes else "six answers",
        entry=service.name,
        port=int(port),
        latency_budget="" if budget == NONE else budget,
        services=[service],
    )


def _of(site: str) -> tuple[Question, ...]:
    command = "python -m http.server --bind 127.0.0.1 $PORT"
    return (
        Question("Name of the site", site, lambda text: check_name(text, "site")),
        Question("Command that serves on $PORT", command, _on(read_command)),
        Question("Port for users", "8080", _on(count(1, 65_535, example="8080"))),
        Question("How many replicas", "2", _on(count(1, 1_000, example="2"))),
        Question(f"Path that answers 2xx when it is well, or {NONE}", "/", _or_none(read_url_path)),
        Question(
            f"When is an answer due, or {NONE}",
            NONE,
            _or_none(duration(0.001, 3_600, example="200ms")),
        ),
    )


def _answer(question: Question, quiet: bool) -> str:
    """Asked again when somebody sits there; a pipe has said what it had to say."""
    is_person = sys.stdin is not None and sys.stdin.isatty()
    for _ in range(TRIES_MAX if is_person else 1):
        click.echo(f"{question.text} [{question.default}]: ", nl=False, err=quiet)
        line = sys.stdin.readline(ANSWER_LENGTH_MAX) if sys.stdin is not None else ""
        if not is_person:
            click.echo(err=quiet)  # what is piped does not show
        answer = line.strip() or question.default
        try:
            question.check(answer)
        except Refused as refused:
            problem = refused
            if is_person:
                click.echo(f"  {refused.message}; {refused.help}", err=quiet)
            continue
        return answer
    raise Trouble("bad-request", f"{question.text}: {problem.message}", remedy=problem.help)


def _on(read: Callable[[Scalar], object]) -> Callable[[str], object]:
    return lambda text: read(Scalar(text, plain=True, mark=Mark(1, 1, 1)))


def _or_none(read: Callable[[Scalar], object]) -> Callable[[str], object]:
    return lambda text: text == NONE or _on(read)(text)
