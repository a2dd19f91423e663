"""Bad news, in the shape that was asked for. Light: the way out of every mistake."""

import sys

import click

from headway.cli.show import as_json, clean, problem
from headway.cli.trouble import Exit, Trouble


def tell(trouble: Trouble, *, in_json: bool, colour: bool | None = None) -> Exit:
    if in_json:
        click.echo(as_json(trouble.body()))
    else:
        sys.stdout.flush()
        text = problem(clean(trouble.error), clean(trouble.remedy))
        click.echo(text, err=True, color=colour)
    return trouble.exit
