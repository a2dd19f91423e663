"""`headway down`: drain and end everything of an environment, and wait until nothing is left."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from headway.api.address import journal_path, lock_path, settings_path, socket_path
from headway.cli.client import Client
from headway.cli.duration_option import Duration
from headway.cli.follow import Look, Progress, looks, may_be_interrupted, not_settled
from headway.cli.headwayd import ensure_running
from headway.cli.session import Session, common
from headway.cli.show import bold, clean, duration, plural
from headway.cli.trouble import Exit, Trouble
from headway.cli.verb import Verb

LEAVES_WITHIN_S = 10.0
LOOK_EVERY_S = 0.1


@click.command(
    cls=Verb,
    examples=(
        "headway down",
        "headway down --env test --yes",
        "headway down --yes --purge",
    ),
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--purge", is_flag=True, help="Also remove its logs, journal and state.")
@click.option(
    "--wait", "wait_s", type=Duration(), default="120s", show_default=True, help="How long."
)
@common
def down(session: Session, *, yes: bool, purge: bool, wait_s: float) -> Exit:
    """Drain and end everything of an environment, and wait until nothing is left."""
    known = session.client.is_remote or journal_path(session.home).exists()
    if not known and not session.client.reachable():
        return _nothing(session)  # no headwayd has ever looked after this folder
    # What runs outlives headwayd, so that it may have to be started to end it.
    ensure_running(session.home, session.client)
    if not purge and not session.client.get("/environments"):
        return _nothing(session)
    site, _ = session.where()
    path = session.path()
    try:
        session.client.get(path)
    except Trouble as trouble:
        if trouble.code == "not-found":
            return _purge(session, path, yes=yes) if purge else _nothing(session)
        raise
    if not yes and not session.json and sys.stdin.isatty():
        _ask(site, session.env, purge=purge)
    accepted = session.client.post(f"{path}/down", {"purge": purge})
    pid = _headwayd_pid(session)
    after_s = _watch(session, path, wait_s)
    _until_headwayd_left(session, pid)
    if session.json:
        session.print_json({"accepted": accepted, "down": True})
    else:
        mark = click.style("ok", fg="green")
        gone = "nothing is left, also no state" if purge else "nothing is left running"
        click.echo(f"  {mark}  {site}/{session.env}  {gone}  {duration(after_s)}")
    return Exit.DONE


def has_left(home: Path, client: Client, *, within_s: float) -> bool:
    """Did headwayd leave by itself, as it does when it looks after nothing any more?

    Then its socket is gone, or about to go; one that was killed leaves it behind.
    """
    deadline = time.monotonic() + within_s
    while socket_path(home).exists() and not client.reachable():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return not socket_path(home).exists()


def _until_headwayd_left(session: Session, pid: int | None) -> None:
    """It leaves by itself when it looks after nothing any more."""
    deadline = time.monotonic() + LEAVES_WITHIN_S
    while pid is not None and lives(pid) and time.monotonic() < deadline:
        with suppress(Trouble):
            if session.client.reachable() and session.client.get("/environments"):
                return  # it has others to look after
        time.sleep(LOOK_EVERY_S)


def lives(pid: int) -> bool:
    """False also for one that has ended and that nobody has waited for: it holds nothing more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def _headwayd_pid(session: Session) -> int | None:
    """Of one that will leave when nothing is left; one that listens for others stays."""
    if session.client.is_remote or settings_path(session.home).exists():
        return None
    try:
        return int(lock_path(session.home).read_text())
    except (OSError, ValueError):
        return None


def _purge(session: Session, path: str, *, yes: bool) -> Exit:
    """It is down already; what is left of it goes."""
    if not yes and not session.json and sys.stdin.isatty():
        _ask(session.where()[0], session.env, purge=True)
    try:
        accepted = session.client.post(f"{path}/down", {"purge": True})
    except Trouble as trouble:
        if trouble.code == "not-found":
            return _nothing(session)
        raise
    if session.json:
        session.print_json({"accepted": accepted, "down": True})
    else:
        click.echo(f"  {click.style('ok', fg='green')}  {clean(accepted['text'])}")
    return Exit.DONE


def _nothing(session: Session) -> Exit:
    if session.json:
        session.print_json({"accepted": None, "down": True})
    else:
        click.echo("nothing to do: it is not running")
    return Exit.DONE


def _ask(site: str, env: str, *, purge: bool) -> None:
    what = "ended and its state removed" if purge else "ended"
    click.echo(f"Everything of {bold(f'{site}/{env}')} will be {what}.")
    if (
        click.prompt(f"Type the site's name ({site}) to go on", default="", show_default=False)
        != site
    ):
        raise Trouble("failed", "not the site's name; nothing was changed", remedy="--yes skips it")


def _still_going_down(session: Session, look: Look) -> None:
    if not look.status["going_down"]:
        error = "somebody brought it up again meanwhile; nothing more is ended"
        raise Trouble("conflict", error, remedy=f"{session.hint('events')} says who")


def _watch(session: Session, path: str, limit_s: float) -> float:
    """How long it took until the environment was gone."""
    progress = Progress(session, [])
    look: Any = None
    left = 0
    try:
        with may_be_interrupted(session):
            for look in looks(session, path, limit_s=limit_s):
                _still_going_down(session, look)
                left = sum(len(s["replicas"]) for s in look.status["services"])
                text = f"{plural(left, 'replica')} left" if left else "Envoy and keeper end"
                progress.moving_text(text, look)
    except Trouble as trouble:
        progress.wipe()
        gone = trouble.code == "not-found" or (
            trouble.code == "unreachable"
            and has_left(session.home, session.client, within_s=LEAVES_WITHIN_S)
        )
        if gone:
            return float(look.after_s) if look else 0.0
        raise
    progress.wipe()
    raise not_settled(session, clean(f"{plural(left, 'replica')} left"), limit_s)
