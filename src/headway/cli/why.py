"""`headway why SERVICE`: what waits and why, what overrides the description, what was decided."""

import click

from headway.cli.live import service_names
from headway.cli.session import Session, common
from headway.cli.show import bold, clean, clock, dim
from headway.cli.verb import Verb

LINES_MAX = 20  # of the past: one screen


@click.command(
    cls=Verb,
    examples=(
        "headway why frontend",
        "headway why frontend --env test",
    ),
)
@click.argument("service", shell_complete=service_names)
@common
def why(session: Session, service: str) -> None:
    """Why is a service as it is? What it waits for, what overrides it, what was decided last."""
    answer = session.client.get(session.path("services", service, "why"))
    if session.json:
        session.print_json(answer)
        return
    click.echo(bold(clean(answer["summary"])))
    past = [line for line in answer["lines"] if line["tense"] == "past"]
    for line in [*(line for line in answer["lines"] if line not in past), *past[:LINES_MAX]]:
        when = clock(line["at"]) if line["at"] else line["tense"]
        actor = dim(f"  ({clean(line['actor'])})") if line["actor"] else ""
        click.echo(f"  {dim(f'{when:<9}')} {clean(line['text'])}{actor}")
    if len(past) > LINES_MAX:
        click.echo(f"  {dim('older    ')} {session.hint('events')} has more")
