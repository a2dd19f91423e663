"""`headway fmt [FILE]`: a description in order; what it means stays the same."""

import difflib
from pathlib import Path

import click

from headway.cli.described import DEFAULT_FILE, describe, refuse
from headway.cli.session import Session, common
from headway.cli.show import clean
from headway.cli.trouble import Exit, Trouble
from headway.cli.verb import LOCAL, Verb
from headway.site.format import formatted
from headway.site.io.read import read
from headway.site.io.write import write
from headway.site.page import Unformattable


@click.command(
    cls=Verb,
    exits=(*LOCAL, Exit.CHANGES),
    examples=(
        "headway fmt",
        "headway fmt site.yaml --check",
    ),
)
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--check", is_flag=True, help="Change nothing; show what would, and end with 3.")
@common
def fmt(session: Session, file: Path, *, check: bool) -> Exit:
    """Put a description in order: keys as in the reference, two spaces, one blank line at most.

    Comments stay with what they are about, values as they are written, and the meaning the same.
    A file with errors is not touched.
    """
    described = describe(session, file)
    if described.site is None:
        return refuse(session, described)
    before = described.source.text
    try:
        after = formatted(before)
    except Unformattable as refused:
        error = f"{file}:{refused.line}: {refused.reason}"
        raise Trouble("site", error, remedy=refused.help) from refused
    changed = after != before
    if changed and not check:
        if read(file).text != before:  # an editor was faster
            raise Trouble("failed", f"{file}: has changed meanwhile", remedy="run it again")
        write(file, after, replace=True)
    if session.json:
        session.print_json({"file": str(file), "changed": changed, "diff": _diff(before, after)})
    elif changed and check:
        click.echo("\n".join(_coloured(clean(line)) for line in _diff(before, after)))
    else:
        state = "put in order" if changed else "in order already"
        click.echo(f"{click.style('ok', fg='green')}  {file}: {state}")
    return Exit.CHANGES if changed and check else Exit.DONE


def _diff(before: str, after: str) -> list[str]:
    lines = before.splitlines(), after.splitlines()
    return list(difflib.unified_diff(*lines, "as it is", "in order", n=2, lineterm=""))


def _coloured(line: str) -> str:
    colour = {"+": "green", "-": "red"}.get(line[:1])
    return click.style(line, fg=colour) if colour else line
