"""`headway events`: what happened, who did it and why; `-f` goes on."""

import time
from collections.abc import Sequence
from typing import Any

import click

from headway.cli.client import environment_path
from headway.cli.live import kind_names
from headway.cli.session import Session, common
from headway.cli.show import Cell, clean, clock, table
from headway.cli.verb import Verb

FOLLOW_EVERY_S = 0.5
FOLLOW_EVENTS_MAX = 500


@click.command(
    cls=Verb,
    examples=(
        "headway events",
        "headway events -n 100 --kind exit",
        "headway events -f --all",
        "headway events -f -o json",
    ),
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option(
    "-n",
    "--number",
    type=click.IntRange(1, 1000),
    default=30,
    show_default=True,
    help="How many that happened already.",
)
@click.option(
    "-k",
    "--kind",
    metavar="KIND",
    help="Only this kind, as `start`, `exit` or `scale`.",
    shell_complete=kind_names,
)
@click.option("-a", "--all", "everywhere", is_flag=True, help="Of every environment.")
@common
def events(
    session: Session, *, follow: bool, number: int, kind: str | None, everywhere: bool
) -> None:
    """What happened, who did it and why, oldest first."""
    path = "/events" if everywhere else environment_path(*session.where(), "events")
    page = session.client.get(path, {"limit": number, "kind": kind})
    if session.json and not follow:
        session.print_json(page)
        return
    _print(session, page["events"], everywhere=everywhere)
    if not page["events"] and not follow:
        click.echo(f"no events of the kind `{clean(kind)}`" if kind else "no events")
    while follow:
        time.sleep(FOLLOW_EVERY_S)
        query = {"limit": FOLLOW_EVENTS_MAX, "kind": kind, "after": page["next"]}
        page = session.client.get(path, query)
        _print(session, page["events"], everywhere=everywhere)


def _print(session: Session, entries: Sequence[Any], *, everywhere: bool) -> None:
    """For people, or one JSON object per line: what has no end cannot be one document."""
    if not session.json:
        _show(entries, everywhere=everywhere)
        return
    for entry in entries:
        session.print_json_line(entry)


def _show(entries: Sequence[Any], *, everywhere: bool) -> None:
    rows: list[list[Cell]] = []
    for entry in entries:
        event = entry["event"]
        where = event["environment"]
        named = f"{where['site']}/{where['name']} " if everywhere and where else ""
        # What Headway did by itself needs no signature.
        by = "" if event["actor"] == "headway" else f"  ({event['actor']})"
        rows.append(
            [
                (clock(event["at"]), "dim"),
                event["kind"],
                named + event["subject"],
                event["text"] + by,
            ]
        )
    if rows:
        click.echo(table(rows))
