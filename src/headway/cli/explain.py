"""`headway explain HW012`: what a problem means, with a wrong and a right example."""

from dataclasses import asdict

import click
from click.shell_completion import CompletionItem

from headway.cli.session import Session, common
from headway.cli.trouble import Trouble
from headway.cli.verb import LOCAL, Verb
from headway.site.explain import EXPLANATIONS, render
from headway.site.explain import explain as explanation_of


def _codes(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    del ctx, param
    known = sorted(EXPLANATIONS.items())
    return [CompletionItem(c, help=e.title) for c, e in known if c.startswith(typed.upper())]


@click.command(
    cls=Verb,
    exits=LOCAL,
    examples=(
        "headway explain HW012",
        "headway explain 12 -o json",
    ),
)
@click.argument("code", shell_complete=_codes)
@common
def explain(session: Session, code: str) -> None:
    """What a problem's code means, with an example that has it and one that has not."""
    found = explanation_of(code)
    if found is None:
        first, last = min(EXPLANATIONS), max(EXPLANATIONS)
        remedy = f"codes go from {first} to {last}; headway check shows them"
        raise Trouble("bad-request", f"there is no problem {code}", remedy=remedy)
    if session.json:
        session.print_json(asdict(found))
    else:
        click.echo(render(found), nl=False)
