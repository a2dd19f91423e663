"""Every environment of this machine in one line each."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from headway.cli.session import Session
from headway.cli.show import Cell, duration, marked, moment, table
from headway.cli.trouble import Trouble

HEADS = ("ENVIRONMENT", "STATE", "READY", "ENTRY", "DIGEST", "APPLIED", "DIRECTORY", "WORST")
SPARE = ("DIGEST", "DIRECTORY", "APPLIED", "ENTRY")


def list_environments(session: Session) -> None:
    environments = _ask(session)
    if session.json:
        session.print_json(environments)
        return
    if not environments:
        click.echo("nothing is running")
        return
    click.echo(environments_table(environments))


def environments_table(environments: Any, changed: Collection[str] | None = None) -> str:
    """The worst first; with `changed` there is a mark before each of these."""
    rows: list[list[Cell]] = [[(head, "dim") for head in HEADS]]
    worst_first = sorted(environments, key=lambda one: (not one["failed"], one["settled"]))
    rows += [_row(one, datetime.now(UTC)) for one in worst_first]
    if not any(one["state"] for one in environments):
        rows = [row[:-1] for row in rows]
    return table(marked(rows, changed), spare=SPARE)


def rows_of_environments(environments: Any) -> dict[str, str]:
    """What to compare to see a change: each line by the name it begins with."""
    return {
        f"{one['id']['site']}/{one['id']['name']}": " ".join(
            str(one[key]) for key in ("settled", "failed", "ready_count", "desired_count", "digest")
        )
        for one in environments
    }


def _ask(session: Session) -> Any:
    """Where no headwayd answers nothing is looked after, and that is an answer too."""
    try:
        return session.client.get("/environments")
    except Trouble as trouble:
        is_here = trouble.code == "unreachable" and not session.client.is_remote
        if is_here and not any(session.home.glob("*/*/keeper.sock")):
            return []
        raise


def _row(one: Any, now: datetime) -> list[Cell]:
    word, colour = ("ready", "green") if one["settled"] else ("working", "yellow")
    if one["failed"]:
        word, colour = "FAILED", "red"
    age_s = max(0.0, (now - moment(one["applied_at"])).total_seconds())
    return [
        f"{one['id']['site']}/{one['id']['name']}",
        (word, colour),
        f"{one['ready_count']}/{one['desired_count']}",
        one["entry_url"] or "-",
        (one["digest"], "dim"),
        f"{duration(age_s)} ago",
        str(Path(one["file"]).parent),
        (one["state"], colour),
    ]
