"""`headway diff ONE OTHER [FILE]`: is the one environment the other in another size?"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from headway.cli.described import DEFAULT_FILE, describe, refuse
from headway.cli.live import environment_names
from headway.cli.session import Session, common
from headway.cli.show import Cell, bold, clean, table
from headway.cli.trouble import Exit
from headway.cli.verb import LOCAL, Verb
from headway.model.ids import EnvironmentName
from headway.site.compare import Unlike, Value, compare
from headway.site.parse import parse


@click.command(
    cls=Verb,
    exits=(*LOCAL, Exit.CHANGES),
    examples=(
        "headway diff production micro",
        "headway diff production test site.yaml --exit-code",
    ),
)
@click.argument("one", shell_complete=environment_names)
@click.argument("other", shell_complete=environment_names)
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--exit-code", is_flag=True, help="Exit 3 when they differ in more than size.")
@common
def diff(session: Session, one: str, other: str, file: Path, *, exit_code: bool) -> Exit:
    """Compare two environments of a description: only in size, or in what they are?

    Size is how many, how large and where: replicas, ready_min, surge_max, resources, weight, hosts,
    shards, and the port of the entry. Asks nobody and changes nothing.
    """
    for name in (one, other):
        described = describe(session.of(name), file)
        if described.site is None:
            return refuse(session, described)
    text, name_of_file = described.source.text, described.source.file
    parsed = [parse(text, file=name_of_file, environment=EnvironmentName(n)) for n in (one, other)]
    found = compare(parsed[0], parsed[1], (one, other))
    alike = all(unlike.is_size for unlike in found)
    if session.json:
        differences = [asdict(unlike) for unlike in found]
        session.print_json({"one": one, "other": other, "only_size": alike, "unlike": differences})
    else:
        _show(one, other, found, name_of_file)
    return Exit.CHANGES if exit_code and not alike else Exit.DONE


def in_one_line(one: str, other: str, found: Sequence[Unlike]) -> str:
    """`micro differs from production only in size`."""
    more = sum(not unlike.is_size for unlike in found)
    if not found:
        return f"{other} is the same as {one}"
    if not more:
        return f"{other} differs from {one} only in size"
    return f"{other} differs from {one} in more than size: in {more} of {len(found)} values"


def _show(one: str, other: str, found: Sequence[Unlike], file: str) -> None:
    colon = ":" if found else ""
    click.echo(f"{bold(in_one_line(one, other, found))}{colon}")
    rows: list[list[Cell]] = [
        [
            ("size" if unlike.is_size else "OTHER", "dim" if unlike.is_size else "yellow"),
            unlike.what,
            clean(f"{unlike.before.text or 'none'} -> {unlike.after.text or 'none'}"),
            (f"{_place(unlike.before, file)}, {_place(unlike.after, file)}", "dim"),
        ]
        for unlike in found
    ]
    if rows:
        click.echo(table(rows, indent="  "))


def _place(value: Value, file: str) -> str:
    if value.line is None:
        return "default" if value.text else "not there"
    return f"{Path(file).name}:{value.line}"
