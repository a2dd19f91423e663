"""`headway check [FILE]`: is the description usable? Asks nobody and changes nothing."""

from pathlib import Path

import click

from headway.cli.described import (
    DEFAULT_FILE,
    describe,
    problems_json,
    refuse,
    show_problems,
)
from headway.cli.session import Session, common
from headway.cli.show import plural
from headway.cli.trouble import Exit
from headway.cli.verb import LOCAL, Verb
from headway.site.expand import expand as expanded_text
from headway.site.problem import Severity


@click.command(
    cls=Verb,
    exits=LOCAL,
    examples=(
        "headway check",
        "headway check site.yaml --env test",
        "headway check --expand > whole.yaml",
    ),
)
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--expand", is_flag=True, help="Print it with every default written out.")
@common
def check(session: Session, file: Path, *, expand: bool) -> Exit:
    """Check a description. All its problems are shown at once; nothing is changed."""
    described = describe(session, file)
    if described.site is None:
        return refuse(session, described)
    if session.json:
        expanded = {"expanded": expanded_text(described.site)} if expand else {}
        session.print_json({**problems_json(described), **expanded})
        return Exit.DONE
    if described.problems:
        show_problems(described.problems, described.source)
    site = described.site
    if expand:
        click.echo(expanded_text(site), nl=False)
        return Exit.DONE
    replicas = sum(s.replicas for s in site.services.values())
    size = f"{plural(len(site.services), 'service')}, {plural(replicas, 'replica')}"
    warnings = plural(described.count(Severity.WARNING), "warning")
    ok = click.style("ok", fg="green")
    click.echo(f"{ok}  {file}: site {site.name}, {session.env}: {size}; 0 errors, {warnings}")
    return Exit.DONE
