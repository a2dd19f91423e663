"""`headway envs`: every environment of this state folder, of every site and checkout."""

import click

from headway.cli.everywhere import list_environments
from headway.cli.session import Session, common
from headway.cli.verb import Verb


@click.command(
    cls=Verb,
    examples=(
        "headway envs",
        "headway envs -o json",
    ),
)
@common
def envs(session: Session) -> None:
    """Every environment, of every site: how it goes, where it is, where it came from."""
    list_environments(session)
