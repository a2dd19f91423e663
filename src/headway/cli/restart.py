"""`headway restart SERVICE`: replace its replicas, one safe step at a time."""

import click

from headway.cli.act import act
from headway.cli.live import service_names
from headway.cli.session import Session, common
from headway.cli.trouble import Exit
from headway.cli.verb import Verb
from headway.cli.waiting import waiting


@click.command(
    cls=Verb,
    examples=(
        "headway restart frontend",
        'headway restart frontend --reason "new certificate"',
    ),
)
@click.argument("service", shell_complete=service_names)
@waiting
@common
def restart(session: Session, service: str, *, reason: str, wait_s: float, no_wait: bool) -> Exit:
    """Replace every replica of a service, one safe step at a time; users notice nothing."""
    parts = ("services", service, "restart")
    limit_s = None if no_wait else wait_s
    return act(session, parts, {"reason": reason}, service=service, wait_s=limit_s)
