"""`headway drain REPLICA`: traffic leaves it, it ends, another takes its place."""

import click

from headway.cli.act import act
from headway.cli.session import Session, common
from headway.cli.trouble import Exit, Trouble
from headway.cli.waiting import waiting


@click.command()
@click.argument("replica")
@waiting
@common
def drain(session: Session, replica: str, *, reason: str, wait_s: float, no_wait: bool) -> Exit:
    """Take one replica out of traffic and end it; another takes its place."""
    service, _, slot = replica.rpartition("-")
    if not service or not slot.isdigit():
        raise Trouble(
            "bad-request",
            f"{replica} is no replica",
            remedy=f"{session.hint('status')} --replicas lists them: frontend-1, frontend-2, …",
        )
    parts = ("replicas", replica, "drain")
    limit_s = None if no_wait else wait_s
    return act(session, parts, {"reason": reason}, service=service, wait_s=limit_s)
