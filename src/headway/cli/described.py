"""The description a command is given: read, checked here and now, and ready to be sent."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from headway.cli.session import Session
from headway.cli.trouble import Exit
from headway.model.ids import EnvironmentName
from headway.model.site import Site
from headway.site.io.read import Source, read
from headway.site.parse import parse
from headway.site.problem import Problem, Severity, render

DEFAULT_FILE = Path("site.yaml")


@dataclass(frozen=True, slots=True)
class Described:
    source: Source
    site: Site | None  # None: it cannot be used
    problems: tuple[Problem, ...]  # errors and warnings

    def count(self, severity: Severity) -> int:
        return sum(p.severity is severity for p in self.problems)

    def body(self) -> dict[str, object]:
        """As the API wants it."""
        return {
            "text": self.source.text,
            "directory": str(self.source.directory),
            "file": self.source.file,
        }


def describe(session: Session, file: Path) -> Described:
    source = read(file)
    parsed = parse(source.text, file=source.file, environment=EnvironmentName(session.env))
    return Described(source, parsed.site, tuple(parsed.problems))


def refuse(session: Session, described: Described) -> Exit:
    """Show why it cannot be used; nothing else happens."""
    if session.json:
        session.print_json(problems_json(described))
    else:
        show_problems(described.problems, described.source)
    return Exit.INVALID


def show_problems(problems: Sequence[Problem], source: Source) -> None:
    click.echo(render(problems, text=source.text, file=source.file), nl=False, err=True)


def problems_json(described: Described) -> dict[str, object]:
    errors = described.count(Severity.ERROR)
    return {
        "code": "site" if errors else "ok",
        "error": f"{errors} errors in {described.source.file}" if errors else "",
        "remedy": "headway explain CODE says more about each" if errors else "",
        "problems": [asdict(p) for p in described.problems],
    }
