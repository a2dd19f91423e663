"""`headway log-level SERVICE LEVEL`: log more, or less, for a while, without a restart."""

import click

from headway.cli.act import act
from headway.cli.duration_option import Duration
from headway.cli.live import service_names
from headway.cli.session import Session, common
from headway.cli.trouble import Exit
from headway.cli.verb import Verb
from headway.model.override import LOG_LEVELS

DAY_S = 86_400.0
OWN = "own"
FOR = "How long, at most 24h."


@click.command(
    "log-level",
    cls=Verb,
    examples=(
        'headway log-level frontend debug --for 10m --reason "slow answers"',
        "headway log-level frontend own",
    ),
)
@click.argument("service", shell_complete=service_names)
@click.argument("level", type=click.Choice([*LOG_LEVELS, OWN]))
@click.option(
    "--for", "for_s", type=Duration(max_s=DAY_S), default="10m", show_default=True, help=FOR
)
@click.option("--reason", default="", help="Why; kept in the journal.")
@common
def log_level(session: Session, service: str, level: str, *, for_s: float, reason: str) -> Exit:
    """The running replicas of a service log at another level for a while; `own` ends it at once.

    They go back by themselves, also when Headway is not there any more. Works for services with
    headway-sdk, and for others that are started with `headway-run --debug-signal`.
    """
    body: dict[str, object] = {"level": level, "for_s": for_s, "reason": reason}
    parts = ("services", service, "log-level")
    return act(session, parts, body, service=service, wait_s=None)
