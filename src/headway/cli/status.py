"""`headway status`: the worst thing first, then every service in one line."""

import time
from typing import Any

import click

from headway.cli.everywhere import list_environments
from headway.cli.follow import count
from headway.cli.session import Session, common
from headway.cli.show import (
    COLOUR_OF_PHASE,
    Cell,
    bold,
    clean,
    clock,
    dim,
    duration,
    is_terminal,
    moment,
    shorten,
    table,
    width,
)
from headway.cli.trouble import Trouble

WATCH_EVERY_S = 1.0


@click.command()
@click.option("-r", "--replicas", is_flag=True, help="One line per replica.")
@click.option("-a", "--all", "everywhere", is_flag=True, help="One line per environment.")
@click.option("-w", "--watch", is_flag=True, help="Look again every second.")
@common
def status(session: Session, *, replicas: bool, everywhere: bool, watch: bool) -> None:
    """What runs, and how it goes."""
    if everywhere:
        list_environments(session)
        return
    seen = _look(session)
    if session.json:
        session.print_json(seen)
        return
    if not (watch and is_terminal()):
        _show(session, seen, replicas=replicas)
        return
    while True:
        click.clear()
        _show(session, seen, replicas=replicas)
        time.sleep(WATCH_EVERY_S)
        seen = _look(session)


def _look(session: Session) -> Any:
    try:
        return session.client.get(session.path())
    except Trouble as trouble:
        if trouble.code != "not-found":
            raise
        running = session.client.get("/environments")
        if not running:
            raise
        names = ", ".join(f"{e['id']['site']}/{e['id']['name']}" for e in running)
        first = running[0]["id"]
        options = f"--site {first['site']} --env {first['name']}"
        remedy = f"running: {names}; headway status {options}"
        raise Trouble("not-found", trouble.error, remedy=remedy) from trouble


def _show(session: Session, seen: Any, *, replicas: bool) -> None:
    click.echo(_headline(seen))
    if seen["services"]:
        click.echo(_replicas(seen) if replicas else _services(seen))
    for text in seen["trouble"]:
        click.echo(f"{click.style('trouble', fg='red')}   {clean(text)}")
    for service in seen["services"]:
        for override in (o for o in service["overrides"] if not o["blocked_by"]):
            click.echo(dim("override  ") + _override(override))
    if seen["entry_url"]:
        click.echo(f"{dim('entry')}     {seen['entry_url']}")
    for name in ("envoy", "journal"):
        if not seen[name]["ok"]:
            mark = click.style(f"{name:<8}", fg="red")
            click.echo(f"{mark}  {clean(seen[name]['text'])}")
    worst = _worst(seen)
    if worst is not None and not worst["settled"]:
        why, logs = session.hint("why"), session.hint("logs")
        click.echo(f"Next: {why} {worst['name']} ; {logs} {worst['name']}")


def _headline(seen: Any) -> str:
    """Name, state, cause, description and age; the cause is cut so that it stays one line."""
    name = f"{seen['id']['site']}/{seen['id']['name']}"
    up_s = (moment(seen["at"]) - moment(seen["applied_at"])).total_seconds()
    age = f"{seen['digest']}, for {duration(max(0.0, up_s))}"
    state, colour, cause = _state_of_all(seen)
    columns = width()
    if columns is not None:
        room = columns - len(name) - len(state) - len(age) - 7
        cause = shorten(cause, max(8, room))
    mark = click.style(state, fg=colour, bold=colour == "red")
    return "  ".join(part for part in (bold(name), mark, clean(cause), f" {dim(age)}") if part)


def _state_of_all(seen: Any) -> tuple[str, str, str]:
    """State, its colour, and the cause when it is not a good one."""
    worst = _worst(seen)
    cause = f"{worst['name']}: {_cause(worst)}" if worst else ""
    trouble = str(seen["trouble"][0]) if seen["trouble"] else ""
    if seen["going_down"]:
        return "going down", "cyan", ""
    if seen["failed"]:
        return "FAILED", "red", cause if worst and worst["failed"] else trouble or cause
    if not seen["services"]:
        return "working", "yellow", trouble or "headwayd has just begun to look"
    if not seen["settled"]:
        return "working", "yellow", cause or trouble or str(seen["envoy"]["text"])
    return "ready", "green", ""


def _worst(seen: Any) -> Any:
    """The service to talk about first; None when all are as they should be."""
    wrong = [s for s in seen["services"] if not s["settled"]]
    return min(wrong, key=lambda s: (not s["failed"], s["ready_count"]), default=None)


def _cause(service: Any) -> str:
    if service["reason"]:
        return str(service["reason"])
    return str(service["waiting"][0]) if service["waiting"] else f"{count(service)} ready"


def _services(seen: Any) -> str:
    rows: list[list[Cell]] = [[(h, "dim") for h in ("SERVICE", "REPLICAS", "RELEASE", "STATE")]]
    for service in seen["services"]:
        enough = service["ready_count"] >= service["desired_count"]
        number: Cell = count(service) if enough else (count(service), "red")
        rows.append([service["name"], number, (service["release"], "dim"), _state(service)])
    return table(rows)


def _state(service: Any) -> Cell:
    if service["failed"]:
        return f"FAILED  {_cause(service)}", "red"
    phases = service["phases"]
    parts = [f"{phases[p]} {p}" for p in COLOUR_OF_PHASE if p != "ready" and phases.get(p)]
    text = ", ".join(parts)
    if service["settled"]:
        return text or "ready", "green"
    reason = service["reason"] or (service["waiting"][0] if service["waiting"] else "")
    return "  ".join(part for part in (text, reason) if part) or "working", "yellow"


def _replicas(seen: Any) -> str:
    places = {r["host"] for service in seen["services"] for r in service["replicas"]}
    where = ("HOST", "ZONE") if len(places) > 1 else ()
    heads = ("REPLICA", "PHASE", *where, "PID", "PORT", "RELEASE", "UP", "RESTARTS", "REASON")
    rows: list[list[Cell]] = [[(h, "dim") for h in heads]]
    now = moment(seen["at"])
    for service in seen["services"]:
        for replica in service["replicas"]:
            started = replica["started_at"]
            age_s = (now - moment(started)).total_seconds() if started else None
            rows.append(
                [
                    replica["id"],
                    (replica["phase"], COLOUR_OF_PHASE.get(replica["phase"], "white")),
                    *(str(replica[key.lower()] or "-") for key in where),
                    str(replica["pid"] or "-"),
                    str(replica["port"] or "-"),
                    (replica["release"], "dim"),
                    "-" if age_s is None else duration(max(0.0, age_s)),
                    str(replica["restarts"]),
                    replica["reason"],
                ]
            )
    return table(rows)


def _override(override: Any) -> str:
    reason = f", {override['reason']}" if override["reason"] else ""
    until = clock(override["expires_at"])
    service, text, author = override["service"], override["text"], override["author"]
    return clean(f"{service}: {text} by {author}{reason}, until {until}")
