"""`headway token`: who may come in over TCP, how far and until when."""

from typing import Any

import click

from headway.access.token import LIFE_MAX
from headway.cli.client import NAME
from headway.cli.duration_option import Duration
from headway.cli.headwayd import ensure_running
from headway.cli.live import token_names
from headway.cli.session import Session, common
from headway.cli.show import Cell, clean, clock, table
from headway.cli.trouble import Trouble
from headway.cli.verb import Verb
from headway.model.actor import Role

LIFE_S_MAX = LIFE_MAX.total_seconds()


@click.group()
def token() -> None:
    """Tokens: who may come in over TCP, how far and until when."""


@token.command(
    cls=Verb,
    examples=(
        "headway token create ci --role operator --scope shop/test --for 30d",
        "headway token create pager --role viewer --for 90d",
    ),
)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="What it may at most.",
)
@click.option("--for", "for_s", type=Duration(max_s=LIFE_S_MAX), required=True, help="As 30d.")
@click.option("--scope", metavar="SITE[/ENV]", multiple=True, help="Only there; may be repeated.")
@click.option("--verbs", metavar="VERB,…", help="Only these, as `see,scale`.")
@common
def create(
    session: Session, name: str, *, role: str, for_s: float, scope: tuple[str, ...], verbs: str
) -> None:
    """Make a token and print its secret, this one time."""
    ensure_running(session.home, session.client)
    body = {
        "name": name,
        "role": role,
        "for_s": for_s,
        "places": list(scope) or None,
        "verbs": [verb.strip() for verb in verbs.split(",")] if verbs else None,
    }
    made = session.client.post("/tokens", body)
    if session.json:
        session.print_json(made)
        return
    click.echo(made["secret"])
    until = clock(made["token"]["expires_at"])
    # Not on standard output, where only the secret goes: headway token create … > FILE
    click.echo(f"It is shown this once. It ends {until}; headway token revoke {name}", err=True)


@token.command(
    "list",
    cls=Verb,
    examples=("headway token list",),
)
@common
def list_tokens(session: Session) -> None:
    """Every token, without its secret."""
    ensure_running(session.home, session.client)
    tokens = session.client.get("/tokens")
    if session.json:
        session.print_json(tokens)
    elif not tokens:
        click.echo("no tokens")
    else:
        heads = ("TOKEN", "ROLE", "ENDS", "LAST USED", "MADE BY", "ONLY")
        rows: list[list[Cell]] = [[(head, "dim") for head in heads]]
        click.echo(table([*rows, *(_row(one) for one in tokens)]))


@token.command(
    cls=Verb,
    examples=("headway token revoke ci",),
)
@click.argument("name", shell_complete=token_names)
@common
def revoke(session: Session, name: str) -> None:
    """End a token now, and those that were made with it."""
    if NAME.fullmatch(name) is None:
        raise Trouble("bad-request", f"`{name}` cannot be a name", remedy="headway token list")
    ensure_running(session.home, session.client)
    revoked = session.client.post(f"/tokens/{name}/revoke")
    if session.json:
        session.print_json(revoked)
        return
    others = revoked["names"][1:]
    also = f", and what was made with it: {', '.join(others)}" if others else ""
    click.echo(clean(f"{name} counts no more{also}"))


def _row(one: Any) -> list[Cell]:
    ends: Cell = ("expired", "red") if one["expired"] else clock(one["expires_at"])
    used = clock(one["last_used_at"]) if one["last_used_at"] else "never"
    limits = [", ".join(one[what]) for what in ("places", "verbs") if one[what] is not None]
    return [one["name"], one["role"], ends, used, one["made_by"], "; ".join(limits)]
