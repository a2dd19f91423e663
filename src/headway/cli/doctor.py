"""`headway doctor`: is this machine fit for Headway? Works without headwayd.

Each line is ok, warn (it works, with less) or FAIL (it will not), and what to do about it.
"""

import click

from headway.api.control import Fact, Level
from headway.cli.machine import local_facts
from headway.cli.session import Session, common
from headway.cli.show import clean, plural
from headway.cli.trouble import Exit, Trouble
from headway.cli.verb import LOCAL, Verb

COLOURS = {"ok": "green", "warn": "yellow", "FAIL": "red"}


@click.command(
    cls=Verb,
    exits=LOCAL,
    examples=(
        "headway doctor",
        "headway doctor -o json",
    ),
)
@common
def doctor(session: Session) -> Exit:
    """Is this machine fit? What is missing, and what to do about it."""
    # headwayd knows better what it was given, so its word about a thing counts.
    known = {f.name: f for f in (*local_facts(session.home), *_daemon_facts(session))}
    facts = list(known.values())
    bad = sum(f.level is Level.FAIL for f in facts)
    if session.json:
        session.print_json(
            [{"name": f.name, "level": f.level, "text": f.text, "remedy": f.remedy} for f in facts]
        )
        return Exit.FAILED if bad else Exit.DONE
    width = max(len(f.name) for f in facts)
    for fact in facts:
        mark = click.style(f"{fact.level:<4}", fg=COLOURS[fact.level])
        click.echo(f"  {mark}  {fact.name:<{width}}  {clean(fact.text)}")
        if fact.remedy and fact.level is not Level.OK:
            click.echo(f"  {'':4}  {'':{width}}  = help: {clean(fact.remedy)}")
    warned = sum(f.level is Level.WARN for f in facts)
    verdict = f"{bad} of these must be repaired first" if bad else "This machine is fit"
    click.echo(f"{verdict}, with {plural(warned, 'warning')}." if warned else f"{verdict}.")
    return Exit.FAILED if bad else Exit.DONE


def _daemon_facts(session: Session) -> list[Fact]:
    """What headwayd says of itself, engine and journal; nothing when it does not run."""
    try:
        daemon = session.client.get("/daemon")
        told = session.client.get("/doctor")
    except Trouble as trouble:
        if trouble.code == "unreachable":
            text = "not running; headway up starts it when it is needed"
            return [Fact("headwayd", Level.OK, text)]
        return [Fact("headwayd", Level.FAIL, trouble.error, trouble.remedy)]
    return [
        Fact("headwayd", Level.OK, f"{daemon['version']}, pid {daemon['pid']}, answers"),
        *(Fact(f["name"], Level(f["level"]), f["text"], f["remedy"]) for f in told),
    ]
