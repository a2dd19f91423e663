"""What scale, restart and drain share: ask, then watch the service until it is done."""

from typing import Any

import click

from headway.cli.failure import failure
from headway.cli.follow import wait_for_service
from headway.cli.session import Session
from headway.cli.show import clean
from headway.cli.trouble import Exit, Trouble


def act(
    session: Session,
    parts: tuple[str, ...],
    body: dict[str, object],
    *,
    service: str,
    wait_s: float | None,
) -> Exit:
    """Post the wish; with `wait_s` go on looking until the service is settled or has failed."""
    environment = session.path()
    accepted = session.client.post(session.path(*parts), body)
    if not session.json:
        click.echo(clean(accepted["text"]))
    seen: Any = None
    if wait_s is not None:
        seen = wait_for_service(session, environment, service, limit_s=wait_s)
    failed = seen is not None and seen["failed"]
    if session.json:
        body = {"accepted": accepted, "service": seen}
        why = Trouble("failed", f"{service} fails", remedy=f"{session.hint('why')} {service}")
        session.print_json({**why.body(), **body} if failed else body)
    elif failed:
        click.echo(failure(seen))
        click.echo(f"Next: {session.hint('why')} {service} ; {session.hint('logs')} {service}")
    return Exit.FAILED if failed else Exit.DONE
