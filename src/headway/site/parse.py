"""The text of a description -> a `Site`, or every problem in it at once.

Promises, whatever the text: it never raises, it ends soon, and it returns a site exactly when
there is no error. Problems come in the order of the file. Every environment is looked at, so that
a mistake in `micro` is not found on the day someone starts it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from headway.model.ids import PRODUCTION, EnvironmentName
from headway.model.site import Site
from headway.site import environments, limits
from headway.site.build import build
from headway.site.check import check
from headway.site.check_environments import check_clashes, check_ports
from headway.site.described import Broken, Described
from headway.site.finding import Finding, placed
from headway.site.problem import Problem, Severity, quoted, render
from headway.site.shaping import shape_site
from headway.site.tree import Mapping, Scalar, read_tree, to_data
from headway.site.values import one_of

_ONLY_WHEN_CHOSEN = frozenset(
    {"HW041", "HW046", "HW055", "HW057"}
)  # nobody starts production on a laptop


@dataclass(frozen=True, slots=True)
class Parsed:
    """What became of a description."""

    file: str
    text: str
    site: Site | None  # None exactly when there are errors
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity is Severity.WARNING)

    def report(self) -> str:
        """All problems as a person is shown them."""
        return render(self.problems, text=self.text, file=self.file)


def parse(text: str, *, file: str, environment: EnvironmentName = PRODUCTION) -> Parsed:
    """Read a description in the size of one environment."""
    tree = read_tree(text)
    root = tree.root
    if not isinstance(root, Mapping):
        problems = tree.problems[: limits.PROBLEMS_MAX] or [_no_mapping(root)]
        return Parsed(file, text, None, _in_order(problems))
    site, seen = _look(root, environment)
    general = chain(
        _unknown_environment(root, environment),
        environments.check_paths(root),
        check_clashes(root),
        check_ports(root),
    )
    problems = [
        *tree.problems[: limits.PROBLEMS_MAX],
        *(placed(f, root) for f in islice(general, limits.PROBLEMS_MAX)),
        *seen,
    ]
    if not _has_error(problems):
        problems += _elsewhere(root, environment, seen)
    return Parsed(file, text, None if _has_error(problems) else site, _in_order(problems))


def _look(root: Mapping, environment: EnvironmentName) -> tuple[Site | None, list[Problem]]:
    """The site in one environment, or what is wrong with it there."""
    applied = environments.apply(root, environment)
    data = to_data(applied.root)
    assert isinstance(data, dict), "a mapping becomes a dict"
    shaped = shape_site(data)
    found: Iterable[Finding] = shaped.findings
    if shaped.site is not None:
        described = Described(
            site=shaped.site,
            root=applied.root,
            environment=environment,
            overridden=applied.overridden,
            broken=Broken(shaped.broken),
        )
        found = chain(found, check(described))
    problems = [placed(f, applied.root) for f in islice(found, limits.PROBLEMS_MAX)]
    if shaped.site is None or _has_error(problems):
        return None, problems
    return build(shaped.site, environment, applied.overridden), problems


def _elsewhere(
    root: Mapping, environment: EnvironmentName, seen: list[Problem]
) -> Iterator[Problem]:
    """What is wrong only in environments that were not asked for."""
    known = set(seen)
    names = [PRODUCTION, *environments.declared(root)]
    for name in dict.fromkeys(names[: limits.ENVIRONMENTS_MAX + 1]):
        if name == environment:
            continue
        _, problems = _look(root, EnvironmentName(name))
        for problem in problems:
            if problem not in known and problem.code not in _ONLY_WHEN_CHOSEN:
                known.add(problem)
                yield replace(problem, message=f"{problem.message} (environment {quoted(name)})")


def _unknown_environment(root: Mapping, environment: EnvironmentName) -> Iterator[Finding]:
    names = [PRODUCTION, *environments.declared(root)]
    if environment not in names:
        message = f"there is no environment {quoted(environment)} in this description"
        help_ = one_of(environment, [*dict.fromkeys(names)], label="Environments here:")
        yield Finding("HW051", ("environments",), message, help_)


def _no_mapping(root: object) -> Problem:
    help_ = "begin with `headway: 1`, `site:`, `entry:` and `services:`"
    if root is None or (isinstance(root, Scalar) and root.is_null):
        return Problem("HW007", 1, 1, 1, "the description is empty", help_)
    return Problem("HW007", 1, 1, 1, "a description consists of keys and values", help_)


def _has_error(problems: Iterable[Problem]) -> bool:
    return any(p.severity is Severity.ERROR for p in problems)


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column, p.code)))
