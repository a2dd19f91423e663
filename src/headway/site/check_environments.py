"""What several environments, or several lines of one, mean together."""

from collections.abc import Iterator
from itertools import combinations

from headway.model.ids import PRODUCTION
from headway.site import limits
from headway.site.environments import declared, overrides
from headway.site.finding import Finding
from headway.site.problem import Severity, quoted
from headway.site.tree import Mapping, Node, Path, Scalar

STEPS_MAX = 10  # of a path; the deepest key has five


def check_clashes(root: Mapping) -> Iterator[Finding]:
    """`"frontend.health": {every: 1s}` and `"frontend.health.every": 2s`: which one is meant?"""
    for environment in _looked_at(root):
        here = ("environments", environment)
        lines = {
            tuple(key.text.split(".")): (key.text, v) for key, v in overrides(root, environment)
        }
        for steps, (key, _) in lines.items():
            for depth in range(1, min(len(steps), STEPS_MAX)):
                whole, value = lines.get(steps[:depth], ("", None))
                if value is None or not _has(value, steps[depth:]):
                    continue
                message = f"{quoted(key)} is given twice: alone, and in {quoted(whole)}"
                also = ((*here, whole, *steps[depth:]), "here it is given, too")
                yield Finding("HW009", (*here, key), message, "keep one of them", True, also=also)


def check_ports(root: Mapping) -> Iterator[Finding]:
    """Environments of one machine stand side by side; a port belongs to one of them."""
    found = {
        n: p for n in (PRODUCTION, *_looked_at(root)) if (p := _entry_port(root, n)) is not None
    }
    for (one, (first, port)), (other, (path, same)) in combinations(found.items(), 2):
        if port == same:
            message = f"{quoted(one)} and {quoted(other)} both want port {port}"
            help_ = "side by side on one machine only one gets it; name another, or none"
            also = (first, f"of {quoted(one)}")
            yield Finding("HW058", path, message, help_, False, Severity.WARNING, also)


def _looked_at(root: Mapping) -> tuple[str, ...]:
    """More environments than are allowed are refused anyway."""
    return declared(root)[: limits.ENVIRONMENTS_MAX]


def _has(value: Node, path: tuple[str, ...]) -> bool:
    node: Node | None = value
    for step in path:
        node = node.get(step) if isinstance(node, Mapping) else None
    return node is not None


def _entry_port(root: Mapping, environment: str) -> tuple[Path, str] | None:
    """Where an environment names the port of its entry, and which it is."""
    if environment == PRODUCTION:
        return _port_in(root.get("entry"), ("entry",))
    found = None
    for key, value in overrides(root, environment):
        path = ("environments", environment, key.text)
        if key.text == "entry":
            found = found or _port_in(value, path)
        elif key.text == "entry.port" and isinstance(value, Scalar):
            found = path, value.text
    return found


def _port_in(entry: Node | None, path: Path) -> tuple[Path, str] | None:
    port = entry.get("port") if isinstance(entry, Mapping) else None
    return ((*path, "port"), port.text) if isinstance(port, Scalar) else None
