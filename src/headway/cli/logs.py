"""`headway logs NAME`: what a service's replicas, or one replica, wrote; `-f` goes on."""

import time
from collections.abc import Sequence
from typing import Any

import click

from headway.cli.session import Session, common
from headway.cli.show import clean

FOLLOW_EVERY_S = 0.4
FOLLOW_LINES_MAX = 1000
COLOURS = ("cyan", "magenta", "blue", "yellow", "green")


@click.command()
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("-n", "--lines", type=click.IntRange(0, 5000), default=50, show_default=True)
@common
def logs(session: Session, name: str, *, follow: bool, lines: int) -> None:
    """What a service or a replica writes, oldest first."""
    path = session.path("logs", name)
    page = session.client.get(path, {"lines": lines})
    if session.json:
        session.print_json(page)
        if not follow:
            return
    several = "-" not in name or len({line["replica"] for line in page["lines"]}) > 1
    if not session.json:
        _show(page["lines"], several=several)
    while follow:
        time.sleep(FOLLOW_EVERY_S)
        page = session.client.get(path, {"lines": FOLLOW_LINES_MAX, "after": page["next"]})
        if session.json:
            for line in page["lines"]:
                session.print_json_line(line)
        else:
            _show(page["lines"], several=several)


def _show(lines: Sequence[Any], *, several: bool) -> None:
    width = max((len(line["replica"]) for line in lines), default=0)
    for line in lines:
        replica = line["replica"]
        colour = COLOURS[sum(replica.encode()) % len(COLOURS)]
        prefix = click.style(f"{replica:<{width}} | ", fg=colour) if several else ""
        click.echo(prefix + clean(line["text"]))
