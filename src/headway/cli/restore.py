"""`headway restore FILE`: what is wanted becomes what FILE says; what runs is made to fit."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from headway.cli.backup import absolute
from headway.cli.headwayd import ensure_running
from headway.cli.session import Session, common
from headway.cli.show import clean
from headway.cli.succession import until_succeeded
from headway.cli.trouble import Exit, Trouble
from headway.cli.verb import Verb

WORD = "restore"


@click.command(
    cls=Verb,
    examples=(
        "headway restore /backup/journal-monday.db",
        "headway restore /backup/journal-monday.db --yes",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def restore(session: Session, file: Path, *, yes: bool) -> Exit:
    """Go back to the journal in FILE, which `headway backup` made, while everything runs.

    No replica is ended by this: headwayd takes the journal up and then makes what runs fit to it,
    step by step, as after any change. An environment that runs and that FILE does not know is kept.
    The journal that counted until now is kept beside it, and named.
    """
    if not yes and not session.json:
        _ask(file)
    path = absolute(session, file)
    try:
        ensure_running(session.home, session.client)
    except Trouble as trouble:
        # A journal that cannot be read is just what a backup is for.
        done = _without_headwayd(session, path, trouble)
    else:
        done = _by_headwayd(session, path)
    if session.json:
        session.print_json(done)
        return Exit.DONE
    mark = click.style("ok", fg="green")
    wanted = ", ".join(done["environments"]) or "nothing"
    click.echo(f"  {mark}  restored from {clean(path)}: {clean(wanted)}")
    for name in done["taken_along"]:
        click.echo(f"      {name} runs and is not in it; it is kept as it is")
    click.echo(f"The journal before it is {clean(done['kept_as'])}")
    click.echo("Next: headway envs")
    return Exit.DONE


def _ask(file: Path) -> None:
    if not sys.stdin.isatty():
        error = "a restore wants to be confirmed, and nobody is there to ask"
        raise Trouble("failed", error, remedy="--yes says that it is meant")
    click.echo(f"What is wanted on this machine will be what {clean(str(file))} says.")
    if click.prompt(f"Type `{WORD}` to go on", default="", show_default=False) != WORD:
        raise Trouble("failed", "not confirmed; nothing was changed", remedy="--yes skips it")


def _by_headwayd(session: Session, path: str) -> Any:
    before = session.client.get("/daemon")
    done = session.client.post("/journal/restore", {"file": path})
    until_succeeded(session, before)
    page = session.client.get("/events", {"kind": "restore", "limit": 1})
    said = [e["event"]["data"].get("kept_as") for e in page["events"]]
    if said != [Path(done["kept_as"]).name] or _still_counts(session, done):
        raise Trouble(
            "failed",
            "headwayd came back with the journal it had before",
            remedy=f"{session.home}/headwayd.log says why; nothing was lost",
        )
    return done


def _still_counts(session: Session, done: Any) -> bool:
    """The old one is moved aside before the new one takes its place."""
    return not session.client.is_remote and not Path(done["kept_as"]).exists()


def _without_headwayd(session: Session, path: str, trouble: Trouble) -> Any:
    import asyncio  # noqa: PLC0415 - heavy, and only needed when the journal is broken

    from headway.api.offline import restore_offline  # noqa: PLC0415
    from headway.model.errors import HeadwayError  # noqa: PLC0415

    try:
        done = asyncio.run(restore_offline(session.home, Path(path)))
    except HeadwayError as error:
        raise Trouble("failed", f"{error}; and {trouble.error}", remedy=error.remedy) from error
    with suppress(Trouble):
        ensure_running(session.home, session.client)
    return done
