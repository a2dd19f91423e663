"""`headway init`: the first description, from what is there or from six answers."""

from collections.abc import Callable
from pathlib import Path

import click

from headway.cli.questions import ask
from headway.cli.session import Session, common
from headway.cli.show import clean, plural
from headway.cli.trouble import Trouble
from headway.cli.verb import LOCAL, Verb
from headway.site.compose import from_compose
from headway.site.draft import NOTES_TITLE, Draft, name_for, render
from headway.site.io.read import read
from headway.site.io.write import refuse_existing, write
from headway.site.parse import parse
from headway.site.procfile import from_procfile

DEFAULT_FILE = Path("site.yaml")
PROCFILE = "Procfile"
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


@click.command(
    cls=Verb,
    exits=LOCAL,
    examples=(
        "headway init",
        "headway init compose.yaml",
        "headway init --yes --file web.yaml",
    ),
)
@click.argument("origin", type=click.Path(path_type=Path), required=False)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    default=DEFAULT_FILE,
    show_default=True,
    help="Where to write.",
)
@click.option("--yes", is_flag=True, help="Take every default; ask nothing.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@common
def init(session: Session, origin: Path | None, file: Path, *, yes: bool, force: bool) -> None:
    """Write a first description: from a Procfile, a compose.yaml, or six questions.

    ORIGIN is the file to start from. Without one, ./Procfile or ./compose.yaml is taken if there
    is one, and otherwise six questions are asked; Enter takes the default.
    """
    if not force:
        refuse_existing(file)  # said before anything is asked
    draft = _drafted(session, origin or _origin_here(), file, yes=yes)
    text = render(draft)
    parsed = parse(text, file=str(file))
    if parsed.site is None:
        said = parsed.errors[0]
        remedy = "nothing was written; please report it with the origin"
        raise Trouble("failed", f"the description would be wrong: {said.message}", remedy=remedy)
    write(file, text, replace=force)
    _tell(session, draft, file)


def _origin_here() -> Path | None:
    """The one file in this folder that describes services already, if there is exactly one."""
    found = [Path(name) for name in (PROCFILE, *COMPOSE_FILES) if Path(name).is_file()]
    if len(found) > 1:
        names = " and ".join(str(path) for path in found[:2])
        raise Trouble("bad-request", f"{names} are both here", remedy=f"headway init {found[0]}")
    return found[0] if found else None


def _drafted(session: Session, origin: Path | None, file: Path, *, yes: bool) -> Draft:
    site = name_for(file.absolute().parent.name, (), "site")
    if origin is None:
        return ask(site, quiet=session.json, yes=yes)
    source = read(origin)
    convert: Callable[..., Draft] = from_compose if _is_yaml(origin) else from_procfile
    draft = convert(source.text, site=site)
    if not draft.entry:
        reasons = "; ".join(draft.notes[:5])
        remedy = f"why: {reasons}" if reasons else "is this a Procfile or a compose.yaml?"
        raise Trouble("bad-request", f"{origin}: no service could be read", remedy=remedy)
    return draft


def _is_yaml(origin: Path) -> bool:
    return origin.suffix.lower() in {".yaml", ".yml"}


def _tell(session: Session, draft: Draft, file: Path) -> None:
    if session.json:
        services = draft.names()
        session.print_json({"file": str(file), "services": services, "notes": draft.notes})
        return
    ok = click.style("ok", fg="green")
    click.echo(f"{ok}  {file}: {plural(len(draft.services), 'service')}, from {draft.origin}")
    if draft.notes:
        click.echo(NOTES_TITLE)
        for note in draft.notes:
            click.echo(f"  {clean(note)}")
    click.echo(f"Next: headway check {file}, then headway up {file}")
