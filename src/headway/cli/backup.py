"""`headway backup FILE`: a copy of the journal, as it is at one moment, while everything runs."""

from pathlib import Path

import click

from headway.api.address import journal_path
from headway.cli.headwayd import ensure_running
from headway.cli.session import Session, common
from headway.cli.show import clean, plural
from headway.cli.trouble import Exit, Trouble
from headway.cli.verb import Verb


@click.command(
    cls=Verb,
    examples=("headway backup /backup/journal-monday.db",),
)
@click.argument("file", type=click.Path(path_type=Path))
@common
def backup(session: Session, file: Path) -> Exit:
    """Copy the journal into FILE while everything runs.

    FILE is whole and checked when it bears that name, and readable by its owner only; an older
    backup there is replaced. Secrets are not in the journal, so they are not in FILE: back up the
    folder `secrets` by itself.
    """
    if not session.client.is_remote and not journal_path(session.home).exists():
        error = f"there is no journal in {session.home} yet"
        raise Trouble("not-found", error, remedy="headway up makes one")
    ensure_running(session.home, session.client)
    made = session.client.post("/journal/backup", {"file": absolute(session, file)})
    if session.json:
        session.print_json(made)
        return Exit.DONE
    size = f"{made['size_bytes'] / 1e6:.1f} MB"
    count = plural(len(made["environments"]), "environment")
    mark = click.style("ok", fg="green")
    click.echo(f"  {mark}  {clean(made['file'])}  {size}, {count}, checked")
    click.echo("Secrets are not in it. Next: headway restore FILE")
    return Exit.DONE


def absolute(session: Session, file: Path) -> str:
    """Where headwayd finds it; on another machine only an absolute path means anything."""
    if session.client.is_remote and not file.is_absolute():
        raise Trouble(
            "bad-request",
            f"{file} is to be a file of headwayd's machine, which has no folder of yours",
            remedy="give an absolute path",
        )
    return str(file.absolute())
