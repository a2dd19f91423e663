"""`headway logs NAME`: what a service's replicas, or one replica, wrote; `-f` goes on."""

import time
from collections.abc import Sequence
from typing import Any

import click

from headway.cli.live import log_names
from headway.cli.session import Session, common
from headway.cli.show import clean
from headway.cli.verb import Verb

FOLLOW_EVERY_S = 0.4
FOLLOW_LINES_MAX = 1000
COLOURS = ("cyan", "magenta", "blue", "yellow", "green")


@click.command(
    cls=Verb,
    examples=(
        "headway logs frontend",
        "headway logs frontend-1 -n 200",
        "headway logs -f frontend",
        "headway logs -f frontend -o json",
    ),
)
@click.argument("name", shell_complete=log_names)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, 5000),
    default=50,
    show_default=True,
    help="How many lines that are there already.",
)
@common
def logs(session: Session, name: str, *, follow: bool, lines: int) -> None:
    """What a service or a replica writes, oldest first."""
    path = session.path("logs", name)
    page = session.client.get(path, {"lines": lines})
    if session.json and not follow:
        session.print_json(page)
        return
    several = not name.rpartition("-")[2].isdigit()
    _print(session, page["lines"], several=several)
    while follow:
        time.sleep(FOLLOW_EVERY_S)
        page = session.client.get(path, {"lines": FOLLOW_LINES_MAX, "after": page["next"]})
        _print(session, page["lines"], several=several)


def _print(session: Session, lines: Sequence[Any], *, several: bool) -> None:
    """For people, or one JSON object per line: what has no end cannot be one document."""
    if not session.json:
        _show(lines, several=several)
        return
    for line in lines:
        session.print_json_line(line)


def _show(lines: Sequence[Any], *, several: bool) -> None:
    width = max((len(line["replica"]) for line in lines), default=0)
    for line in lines:
        replica = line["replica"]
        colour = COLOURS[sum(replica.encode()) % len(COLOURS)]
        prefix = click.style(f"{replica:<{width}} | ", fg=colour) if several else ""
        click.echo(prefix + clean(line["text"]))
