"""Every environment of this machine in one line each."""

import click

from headway.cli.session import Session
from headway.cli.show import Cell, table


def list_environments(session: Session) -> None:
    environments = session.client.get("/environments")
    if session.json:
        session.print_json(environments)
        return
    if not environments:
        click.echo("nothing is running")
        return
    heads = ("ENVIRONMENT", "REPLICAS", "ENTRY", "STATE")
    rows: list[list[Cell]] = [[(head, "dim") for head in heads]]
    for one in environments:
        word, colour = ("ready", "green") if one["settled"] else ("working", "yellow")
        if one["failed"]:
            word, colour = "FAILED", "red"
        rows.append(
            [
                f"{one['id']['site']}/{one['id']['name']}",
                f"{one['ready_count']}/{one['desired_count']}",
                one["entry_url"] or "-",
                ("  ".join(part for part in (word, one["state"]) if part), colour),
            ]
        )
    click.echo(table(rows))
