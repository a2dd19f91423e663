"""`headway completion SHELL`: the script that makes a shell complete commands and names."""

import click

from headway.cli.complete import SHELLS, script
from headway.cli.session import Session, common
from headway.cli.verb import LOCAL, Verb


@click.command(
    cls=Verb,
    exits=LOCAL,
    examples=(
        "source <(headway completion bash)    # in ~/.bashrc",
        "source <(headway completion zsh)     # in ~/.zshrc, after compinit",
        "headway completion fish > ~/.config/fish/completions/headway.fish",
    ),
)
@click.argument("shell", type=click.Choice(list(SHELLS)))
@common
def completion(session: Session, shell: str) -> None:
    """Print what makes a shell complete commands, options, and the names of what runs.

    The names are those headwayd knows at that moment; without it there are none. Nothing is
    installed: put the first or second line below into the file it names, or run the third.
    """
    text = script(shell)
    if session.json:
        session.print_json({"shell": shell, "script": text})
    else:
        click.echo(text, nl=False)
