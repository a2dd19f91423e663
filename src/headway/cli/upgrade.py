"""`headway upgrade`: Headway's own processes go on with the code that was installed meanwhile."""

import time
from typing import Any

import click

import headway
from headway.cli.session import Session, common
from headway.cli.show import clean
from headway.cli.succession import until_succeeded
from headway.cli.trouble import Exit, Trouble
from headway.cli.verb import Verb

KEEPERS_WITHIN_S = 30.0
LOOK_EVERY_S = 0.1


@click.command(
    cls=Verb,
    examples=("pip install --upgrade headway && headway upgrade",),
)
@common
def upgrade(session: Session) -> Exit:
    """Let headwayd, the keepers and Envoy go on with the code that is installed now.

    First install it (uv, pip) where the running one came from. The new code is tried on a copy of
    the journal; if it could not take over, nothing changes. No replica is ended and no request
    fails: headwayd and the keepers keep their pids, an Envoy of another version is replaced by a
    twin.
    """
    try:
        before = session.client.get("/daemon")
    except Trouble as trouble:
        if trouble.code != "unreachable" or session.client.is_remote:
            raise
        return _nothing(session)
    accepted = session.client.post("/daemon/upgrade")
    while not accepted["after"]:  # it takes its time
        accepted = session.client.post("/daemon/upgrade")
    now = until_succeeded(session, before)
    keepers = _until_renewed(session, now["version"])
    done = {"before": accepted["before"], "after": now["version"], "keepers": keepers}
    if session.json:
        session.print_json(done)
        return Exit.DONE
    mark = click.style("ok", fg="green")
    same = " (the same version, started anew)" if done["before"] == done["after"] else ""
    click.echo(f"  {mark}  headwayd  {done['before']} -> {done['after']}{same}, pid {now['pid']}")
    for name, said in keepers.items():
        click.echo(f"  {mark}  {name}  {clean(said)}")
    if not session.client.is_remote and now["version"] != headway.__version__:
        click.echo(
            f"This command is headway {headway.__version__}: headwayd was started from another "
            "place, and that is where newer code must be installed"
        )
    return Exit.DONE


def _until_renewed(session: Session, version: str) -> dict[str, str]:
    """What each environment's keeper says, once all of them run the new code."""
    deadline = time.monotonic() + KEEPERS_WITHIN_S
    while True:
        wanted = {
            f"{e['id']['site']}/{e['id']['name']}" for e in session.client.get("/environments")
        }
        told: list[Any] = session.client.get("/doctor")
        found = {f["name"]: f["text"] for f in told if f["name"].endswith(" keeper")}
        late = [n for n in wanted if not found.get(f"{n} keeper", "").endswith(f" {version}")]
        if not late:
            return found
        if time.monotonic() > deadline:
            raise Trouble(
                "failed",
                f"headwayd is {version}, but the keeper of {late[0]} is not: "
                f"{found.get(f'{late[0]} keeper', 'it does not answer')}",
                remedy="what runs goes on; see its keeper.log, then: headway upgrade",
            )
        time.sleep(LOOK_EVERY_S)


def _nothing(session: Session) -> Exit:
    if session.json:
        session.print_json({"before": None, "after": headway.__version__, "keepers": {}})
    else:
        version = headway.__version__
        click.echo(f"nothing to do: headwayd does not run; the next one will be {version}")
    return Exit.DONE
