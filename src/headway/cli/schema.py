"""`headway schema`: the JSON Schema of a description, for editors."""

import click

from headway.cli.session import Session, common
from headway.cli.verb import LOCAL, Verb


@click.command(
    cls=Verb,
    exits=LOCAL,
    examples=("headway schema > site.schema.json",),
)
@common
def schema(session: Session) -> None:
    """The JSON Schema (draft 7) of a description; editors complete and check with it."""
    from headway.site.schema import schema as of_site  # noqa: PLC0415 - brings pydantic

    session.print_json(of_site())
