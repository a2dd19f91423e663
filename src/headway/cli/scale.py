"""`headway scale SERVICE N`: another number of replicas, for a while."""

import click

from headway.cli.act import act
from headway.cli.duration_option import Duration
from headway.cli.live import service_names
from headway.cli.session import Session, common
from headway.cli.trouble import Exit
from headway.cli.verb import Verb
from headway.cli.waiting import waiting

DAY_S = 86_400.0
FOR_S_MAX = 30 * DAY_S
FOR = "How long, at most 30d."


@click.command(
    cls=Verb,
    examples=(
        "headway scale frontend 5",
        'headway scale frontend 5 --for 2h --reason "a talk on television"',
        "headway scale ads 1 --env test --no-wait",
    ),
)
@click.argument("service", shell_complete=service_names)
@click.argument("number", metavar="N", type=click.IntRange(0, 1000))
@click.option(
    "--for", "for_s", type=Duration(max_s=FOR_S_MAX), default="24h", show_default=True, help=FOR
)
@waiting
@common
def scale(
    session: Session,
    service: str,
    number: int,
    *,
    for_s: float,
    reason: str,
    wait_s: float,
    no_wait: bool,
) -> Exit:
    """Run N replicas of a service for a while; then the description counts again."""
    body: dict[str, object] = {"count": number, "for_s": for_s, "reason": reason}
    parts = ("services", service, "scale")
    return act(session, parts, body, service=service, wait_s=None if no_wait else wait_s)
