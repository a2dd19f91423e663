"""`headway restart SERVICE`: replace its replicas, one safe step at a time."""

import click

from headway.cli.act import act
from headway.cli.session import Session, common
from headway.cli.trouble import Exit
from headway.cli.waiting import waiting


@click.command()
@click.argument("service")
@waiting
@common
def restart(session: Session, service: str, *, reason: str, wait_s: float, no_wait: bool) -> Exit:
    """Replace every replica of a service, one safe step at a time; users notice nothing."""
    parts = ("services", service, "restart")
    limit_s = None if no_wait else wait_s
    return act(session, parts, {"reason": reason}, service=service, wait_s=limit_s)
