"""What a rule has found, by path; the tree knows where in the text that path stands."""

from dataclasses import dataclass

from headway.site.problem import Problem, Severity
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


def placed(finding: Finding, root: Mapping) -> Problem:
    """The finding with its place in the text."""
    mark = find(root, finding.path, on_key=finding.on_key)
    return Problem(
        code=finding.code,
        line=mark.line,
        column=mark.column,
        length=mark.length,
        message=finding.message,
        help=finding.help,
        severity=finding.severity,
    )


def from_refused(refused: Refused, path: Path, *, on_key: bool = False) -> Finding:
    return Finding(refused.code, path, refused.message, refused.help, on_key)
