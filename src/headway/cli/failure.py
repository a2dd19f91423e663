"""Why a service failed, as far as anybody can see from outside: what was asked, what came back,
how the process ended, what it wrote last.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from headway.cli.follow import count
from headway.cli.session import Session
from headway.cli.show import clean, dim, plural

LOG_LINES_MAX = 5
LIFE_BEGINS = re.compile(r"--- \S+ \S+ life \d+ begins$")  # the keeper's line, not the service's
LINE_MAX = 76
Json = Mapping[str, Any]


def show_failures(session: Session, status: Json) -> None:
    """Every failed service, what is wrong beyond services, and where to look next."""
    failed = [s for s in status["services"] if s["failed"]]
    for service in failed:
        click.echo(failure(service))
    for text in status["trouble"]:
        click.echo(f"  {click.style('FAILED', fg='red', bold=True)}  {clean(text)}")
    first = failed[0]["name"] if failed else ""
    commands = [f"{session.hint('logs')} {first}", f"{session.hint('why')} {first}"]
    next_ones = [*(commands if failed else []), session.hint("down")]
    click.echo("  Left as it is so that you can look. Next:")
    in_one_line = " | ".join(next_ones)
    for line in [in_one_line] if len(in_one_line) < LINE_MAX else next_ones:
        click.echo(f"    {line}")


def failure(service: Json) -> str:
    mark = click.style("FAILED", fg="red", bold=True)
    reason = service["reason"] or "does not become ready"
    head = f"  {mark}  {service['name']}  {count(service)}  {clean(reason)}"
    replica = worst(service["replicas"])
    if replica is None:
        return head
    lines = [f"    {dim(f'{name:<8}')}  {clean(text)}" for name, text in _evidence(replica)]
    return "\n".join([head, *lines])


def worst(replicas: list[Json]) -> Json | None:
    """The replica with the most to tell: failed before starting, most restarts first."""
    order = {"failed": 0, "unready": 1, "starting": 2}
    troubled = [r for r in replicas if r["phase"] in order]
    return min(troubled, key=lambda r: (order[r["phase"]], -r["restarts"]), default=None)


def _evidence(replica: Json) -> Iterator[tuple[str, str]]:
    probe = replica["probe"]
    if probe is not None:
        tries = "1 try" if probe["tries"] == 1 else f"{probe['tries']:,} tries"
        yield "asked", f"{probe['asked']}  ->  {probe['answer']} ({tries})"
    ended = replica["exit"] or (f"pid {replica['pid']} runs" if replica["pid"] else "")
    restarts = plural(replica["restarts"], "restart") if replica["restarts"] else ""
    process = ", ".join(part for part in (ended, restarts) if part)
    if process:
        yield "process", f"{replica['id']}: {process}"
    lines = last_words(replica["log_tail"])[-LOG_LINES_MAX:]
    for number, line in enumerate(lines):
        yield "" if number else "log", line
    if not lines and replica["phase"] == "failed":
        yield "log", f"{replica['id']} wrote nothing"


def last_words(log: Sequence[str]) -> list[str]:
    """What the last life wrote that wrote anything: a new one has often said nothing yet."""
    words: list[str] = []
    begun = False
    for line in log:
        if LIFE_BEGINS.match(line):
            begun = True
            continue
        words = [line] if begun else [*words, line]
        begun = False
    return words
