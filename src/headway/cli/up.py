"""`headway up [FILE]`: make a description run, and wait until users get an answer.

Applying the same description again does nothing. What fails is left as it is and explained.
"""

from pathlib import Path
from typing import Any

import click

from headway.cli.changes import change_lines
from headway.cli.client import environment_path
from headway.cli.described import DEFAULT_FILE, Described, describe, refuse
from headway.cli.duration_option import Duration
from headway.cli.failure import show_failures
from headway.cli.first_request import Answered, NotAnswered, first_request
from headway.cli.follow import (
    FAILURE_PATIENCE_S,
    Look,
    Progress,
    looks,
    may_be_interrupted,
    not_settled,
)
from headway.cli.headwayd import ensure_running
from headway.cli.plan import show_warnings
from headway.cli.session import Session, common
from headway.cli.show import bold, dim, envoy_text, plural
from headway.cli.trouble import Exit, Trouble
from headway.cli.verb import ASKING, Verb
from headway.site.problem import Severity

Json = dict[str, Any]


@click.command(
    cls=Verb,
    exits=(*ASKING, Exit.STALE_PLAN),
    examples=(
        "headway up",
        "headway up site.yaml --env test",
        "headway up --plan p-3f9c1e2",
        "headway up --wait 5m -o json",
    ),
)
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--plan", "plan_id", metavar="ID", help="Apply exactly this plan, or nothing.")
@click.option(
    "--wait", "wait_s", type=Duration(), default="60s", show_default=True, help="How long."
)
@click.option("--take-over", is_flag=True, help="Also when it runs from another directory now.")
@common
def up(
    session: Session, file: Path, plan_id: str | None, wait_s: float, *, take_over: bool
) -> Exit:
    """Make a description run, and wait until it does.

    Starts what is missing, replaces what differs in small safe steps, ends what is no longer
    described. The same description again changes nothing.
    """
    described = describe(session, file)
    if described.site is None:
        return refuse(session, described)
    started = ensure_running(session.home, session.client)
    session = session.about(described.site.name)
    path = environment_path(described.site.name, session.env)
    body = {**described.body(), **({"plan": plan_id} if plan_id else {}), "take_over": take_over}
    applied = session.client.post(f"{path}/apply", body)
    progress = Progress(session, list(described.site.services))
    if not session.json and not applied["unchanged"]:
        _introduce(session, described, applied, progress, started=started)
    with may_be_interrupted(session):
        look = _watch(session, path, progress, unchanged=applied["unchanged"], limit_s=wait_s)
        return _finish(session, applied, look, wait_s)


def _introduce(
    session: Session, described: Described, applied: Json, progress: Progress, *, started: bool
) -> None:
    assert described.site is not None
    services = described.site.services.values()
    size = f"{plural(sum(s.replicas for s in services), 'replica')} of "
    size += plural(len(services), "service")
    name = described.site.name
    title = name if session.env == "production" else f"{name}/{session.env}"
    origin = f"from {described.source.file} ({applied['digest']})"
    click.echo(f"{bold(title)}  {size}, {dim(origin)}")
    warnings = described.count(Severity.WARNING)
    more = " (headway check)" if warnings else ""
    progress.say("ok", "checked", f"0 errors, {plural(warnings, 'warning')}{more}")
    progress.say("ok", "headwayd", "started" if started else "running")
    changes = applied["plan"]["changes"]
    added = {c["subject"] for c in changes if c["kind"] == "added"}
    if added < described.site.services.keys():  # else all of it is new, and nothing to compare with
        for line in change_lines(changes):
            click.echo(f"  {line}")


def _watch(
    session: Session, path: str, progress: Progress, *, unchanged: bool, limit_s: float
) -> Look:
    """Until everything is settled, or it is clear that something will not be."""
    failed_at_s: float | None = None
    for look in looks(session, path, limit_s=limit_s):
        if look.status["going_down"]:
            progress.wipe()
            raise Trouble("conflict", "somebody is taking it down", remedy=session.hint("events"))
        services = look.status["services"]
        if not unchanged:
            for service in services:
                progress.service(service, look.after_s)
        if look.status["settled"]:
            break
        if look.status["failed"]:
            failed_at_s = look.after_s if failed_at_s is None else failed_at_s
            decided = all(s["settled"] or s["failed"] for s in services)
            if decided or look.after_s - failed_at_s > FAILURE_PATIENCE_S:
                break
        else:
            failed_at_s = None
        progress.moving(look, services)
    progress.wipe()
    return look


def _finish(session: Session, applied: Json, look: Look, wait_s: float) -> Exit:
    status = look.status
    if status["failed"] or not status["settled"]:
        if session.json:
            trouble = _why_not(session, status, wait_s)
            body = {"apply": applied, "status": status, "first_request": None}
            session.print_json({**trouble.body(), **body})
            return Exit.FAILED
        if not status["failed"]:
            raise _why_not(session, status, wait_s)
        if applied["unchanged"]:
            click.echo(f"{_title(status)}: the same description ({status['digest']}), no change")
        show_failures(session, status)
        return Exit.FAILED
    answered = None
    if status["entry_url"].startswith("http") and not session.client.is_remote:
        answered = first_request(status["entry_url"])
    if session.json:
        request = (
            {"status": answered.status, "took_ms": round(answered.took_ms, 1)}
            if isinstance(answered, Answered)
            else None
        )
        session.print_json({"apply": applied, "status": status, "first_request": request})
    else:
        _conclude(session, applied, status, answered)
    good = answered is None or (isinstance(answered, Answered) and answered.good)
    return Exit.DONE if good else Exit.FAILED


def _why_not(session: Session, status: Json, wait_s: float) -> Trouble:
    if status["failed"]:
        failed = [s["name"] for s in status["services"] if s["failed"]]
        what = ", ".join(failed) or str(status["trouble"][0])
        remedy = f"{session.hint('why')} {failed[0]}" if failed else session.hint("status")
        return Trouble("failed", f"failed: {what}; left as it is", remedy=remedy)
    missing = [s["name"] for s in status["services"] if not s["settled"]]
    return not_settled(session, ", ".join(missing) or status["envoy"]["text"], wait_s)


def _conclude(
    session: Session, applied: Json, status: Json, answered: Answered | NotAnswered | None
) -> None:
    progress = Progress(session, [s["name"] for s in status["services"]])
    if applied["unchanged"]:
        click.echo(f"nothing to do: {_title(status)} runs as described ({status['digest']})")
    else:
        progress.say("ok", "envoy", envoy_text(status["envoy"]))
    match answered:
        case Answered():
            mark = "ok" if answered.good else "FAILED"
            progress.say(mark, "answer", answered.text(status["latency_budget_s"]))
        case NotAnswered(reason):
            progress.say("FAILED", "answer", f"no answer from {status['entry_url']}: {reason}")
        case None:
            pass
    if status["entry_url"]:
        click.echo(f"\n  site  {bold(status['entry_url'])}")
    if not applied["unchanged"]:
        click.echo("Running in the background.")
    show_warnings(applied["plan"])
    click.echo(f"Next: {session.hint('status')} ; {session.hint('down')}")


def _title(status: Json) -> str:
    return bold(f"{status['id']['site']}/{status['id']['name']}")
