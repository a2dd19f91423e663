"""`headway envoy replace`: a twin takes over without a failed request."""

import click

from headway.cli.duration_option import Duration
from headway.cli.follow import looks, may_be_interrupted, not_settled
from headway.cli.session import Session, common
from headway.cli.show import clean, duration, envoy_text
from headway.cli.trouble import Exit
from headway.cli.verb import Verb


@click.group()
def envoy() -> None:
    """Envoy itself."""


@envoy.command(
    cls=Verb,
    examples=(
        "headway envoy replace",
        "headway envoy replace --env test --no-wait",
    ),
)
@click.option("--no-wait", is_flag=True, help="Return as soon as it was accepted.")
@click.option(
    "--wait", "wait_s", type=Duration(), default="120s", show_default=True, help="How long."
)
@common
def replace(session: Session, *, no_wait: bool, wait_s: float) -> Exit:
    """Replace Envoy by a twin; users notice nothing."""
    path = session.path()
    before = session.client.get(path)["envoy"]["generation"]
    accepted = session.client.post(f"{path}/envoy/replace")
    if not session.json:
        click.echo(clean(accepted["text"]))
    if no_wait:
        if session.json:
            session.print_json({"accepted": accepted, "envoy": None})
        return Exit.DONE
    with may_be_interrupted(session):
        for look in looks(session, path, limit_s=wait_s):
            now = look.status["envoy"]
            if now["ok"] and now["generation"] > before:
                break
        else:
            raise not_settled(session, f"Envoy: {clean(now['text'])}", wait_s)
    if session.json:
        session.print_json({"accepted": accepted, "envoy": now})
    else:
        mark = click.style("ok", fg="green")
        click.echo(f"  {mark}  envoy  {clean(envoy_text(now))}  {duration(look.after_s)}")
    return Exit.DONE
