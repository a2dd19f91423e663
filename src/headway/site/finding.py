"""What a rule has found, by path; the tree knows where in the text that path stands."""

from dataclasses import dataclass

from headway.site.problem import Label, Problem, Severity
from headway.site.refused import Refused
from headway.site.tree import Mapping, Path, find


@dataclass(frozen=True, slots=True)
class Finding:
    code: str
    path: Path
    message: str
    help: str = ""
    on_key: bool = False  # the key is wrong, not its value
    severity: Severity = Severity.ERROR
    also: tuple[Path, str] | None = None  # a second place without which the first says little


def placed(finding: Finding, root: Mapping) -> Problem:
    """The finding with its place in the text."""
    mark = find(root, finding.path, on_key=finding.on_key)
    also = None
    if finding.also is not None:
        path, text = finding.also
        place = find(root, path)
        also = Label(place.line, place.column, place.length, text)
    return Problem(
        code=finding.code,
        line=mark.line,
        column=mark.column,
        length=mark.length,
        message=finding.message,
        help=finding.help,
        severity=finding.severity,
        also=also,
    )


def from_refused(refused: Refused, path: Path, *, on_key: bool = False) -> Finding:
    return Finding(refused.code, path, refused.message, refused.help, on_key)
