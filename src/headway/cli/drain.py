"""`headway drain REPLICA`: traffic leaves it, it ends, another takes its place."""

import click

from headway.cli.act import act
from headway.cli.live import replica_names
from headway.cli.session import Session, common
from headway.cli.trouble import Exit, Trouble
from headway.cli.verb import Verb
from headway.cli.waiting import waiting


@click.command(
    cls=Verb,
    examples=(
        "headway drain frontend-2",
        'headway drain frontend-2 --reason "look at its memory" --no-wait',
    ),
)
@click.argument("replica", shell_complete=replica_names)
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
