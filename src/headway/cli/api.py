"""`headway api openapi`: the API's description, without a headwayd."""

from typing import cast

import click

from headway.cli.session import Session, common
from headway.cli.verb import LOCAL, Verb


@click.group()
def api() -> None:
    """The API, for programs."""


@api.command(
    cls=Verb,
    exits=LOCAL,
    examples=("headway api openapi > openapi.json",),
)
@common
def openapi(session: Session) -> None:
    """The OpenAPI 3.1 document of the API of this version."""
    from headway.api.app import create_app  # noqa: PLC0415 - brings fastapi
    from headway.api.control import Control  # noqa: PLC0415

    # Nothing of it is asked: only the routes are described.
    session.print_json(create_app(cast("Control", None)).openapi())
