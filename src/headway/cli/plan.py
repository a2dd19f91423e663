"""`headway plan [FILE]`: what would `up` do? Nothing is changed; the next command is printed."""

from pathlib import Path
from typing import Any

import click

from headway.cli.changes import change_lines
from headway.cli.client import environment_path
from headway.cli.described import DEFAULT_FILE, Described, describe, refuse
from headway.cli.diff import in_one_line
from headway.cli.headwayd import ensure_running
from headway.cli.session import Session, common
from headway.cli.show import bold, clean, dim, plural
from headway.cli.trouble import Exit
from headway.cli.verb import ASKING, Verb
from headway.model.ids import PRODUCTION, EnvironmentName
from headway.site.compare import compare
from headway.site.parse import parse


@click.command(
    cls=Verb,
    exits=(*ASKING, Exit.CHANGES),
    examples=(
        "headway plan",
        "headway plan site.yaml --env test",
        "headway plan --exit-code",
    ),
)
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--exit-code", is_flag=True, help="Exit 3 when there are changes.")
@common
def plan(session: Session, file: Path, *, exit_code: bool) -> Exit:
    """Show what `up` would change, and what that does to what runs. Changes nothing."""
    described = describe(session, file)
    if described.site is None:
        return refuse(session, described)
    ensure_running(session.home, session.client)
    session = session.about(described.site.name)
    path = environment_path(described.site.name, session.env)
    made = session.client.post(f"{path}/plan", described.body())
    if session.json:
        session.print_json(made)
    else:
        _show(session, made, file, described)
    return Exit.CHANGES if exit_code and not made["unchanged"] else Exit.DONE


def _show(session: Session, made: Any, file: Path, described: Described) -> None:
    environment = f"{made['environment']['site']}/{made['environment']['name']}"
    if made["unchanged"]:
        click.echo(f"{bold(environment)} runs as described. Nothing to change.")
        _show_size(session, described)
        show_warnings(made)
        return
    click.echo(bold(environment))
    for line in change_lines(made["changes"]):
        click.echo(line)
    click.echo()
    _show_size(session, described)
    show_warnings(made)
    click.echo(f"{_sum(made)}. Nothing was changed.")
    command = f"{session.hint('up')} {click.format_filename(file)} --plan {made['id']}"
    click.echo(f"Apply exactly this plan:  {bold(command)}")
    click.echo("It is refused when the description or what runs has changed by then.")


def _show_size(session: Session, described: Described) -> None:
    """Is what is planned here production, in another size?"""
    if session.env == PRODUCTION:
        return
    text, file = described.source.text, described.source.file
    production = parse(text, file=file)
    here = parse(text, file=file, environment=EnvironmentName(session.env))
    if production.site is None or here.site is None:
        return  # production has a mistake of its own; `check` tells
    found = compare(production, here, (PRODUCTION, session.env))
    said = in_one_line(PRODUCTION, session.env, found)
    click.echo(f"{said} {dim(f'(headway diff {PRODUCTION} {session.env})')}")


def show_warnings(made: Any) -> None:
    for warning in made["warnings"]:
        click.echo(f"{click.style('warning:', fg='yellow')} {clean(warning)}")


def _sum(made: Any) -> str:
    counted = (
        (made["starts"], "replica starts", "replicas start"),
        (made["stops"], "replica ends", "replicas end"),
        (made["restarts"], "replica is replaced", "replicas are replaced"),
    )
    effects = [f"{n} {one if n == 1 else many}" for n, one, many in counted if n]
    changes = plural(len(made["changes"]), "change")
    return f"{changes}: {', '.join(effects) or 'no replica is touched'}"
