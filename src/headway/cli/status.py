"""`headway status`: the worst thing first, then every service in one line."""

from typing import Any

import click

from headway.cli.client import environment_path
from headway.cli.everywhere import (
    environments_table,
    list_environments,
    rows_of_environments,
)
from headway.cli.picture import picture, rows_of
from headway.cli.session import Session, common
from headway.cli.trouble import Trouble
from headway.cli.verb import Verb
from headway.cli.watch import Subject, interval, watching


@click.command(
    cls=Verb,
    examples=(
        "headway status",
        "headway status --replicas --env test",
        "headway status --watch",
        "headway status --watch --interval 10s -o json",
        "headway status --all",
    ),
)
@click.option("-r", "--replicas", is_flag=True, help="One line per replica.")
@click.option("-a", "--all", "everywhere", is_flag=True, help="One line per environment.")
@click.option("-w", "--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@interval
@common
def status(
    session: Session, *, replicas: bool, everywhere: bool, watch: bool, interval_s: float
) -> None:
    """What runs, and how it goes; what is wrong stands first.

    With --watch a terminal is drawn anew, elsewhere one block follows another, and with -o json
    one object a line. `*` marks what has changed since the look before.
    """
    if everywhere and watch:
        watching(session, _ALL, interval_s=interval_s)
    elif everywhere:
        list_environments(session)
    elif watch:
        seen = _look(session)
        # By name from now on, so that nobody has to be asked which one it is at every look.
        session = session.about(seen["id"]["site"])
        watching(session, _subject(session, seen["id"], replicas=replicas), interval_s=interval_s)
    elif session.json:
        session.print_json(_look(session))
    else:
        click.echo("\n".join(picture(session, _look(session), replicas=replicas)))


def _subject(session: Session, found: Any, *, replicas: bool) -> Subject:
    return Subject(
        path=environment_path(found["site"], found["name"]),
        lines=lambda seen, changed, lines_max: picture(
            session, seen, replicas=replicas, changed=changed, lines_max=lines_max
        ),
        rows=lambda seen: rows_of(seen, replicas=replicas),
    )


_ALL = Subject(
    path="/environments",
    lines=lambda seen, changed, _: environments_table(seen, changed).splitlines(),
    rows=rows_of_environments,
)


def _look(session: Session) -> Any:
    try:
        return session.client.get(session.path())
    except Trouble as trouble:
        if trouble.code != "not-found":
            raise
        running = session.client.get("/environments")
        if not running:
            raise
        names = ", ".join(f"{e['id']['site']}/{e['id']['name']}" for e in running)
        first = running[0]["id"]
        options = f"--site {first['site']} --env {first['name']}"
        remedy = f"running: {names}; headway status {options}"
        raise Trouble("not-found", trouble.error, remedy=remedy) from trouble
