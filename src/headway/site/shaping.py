"""A tree -> the shapes, and a finding for everything that does not fit.

One bad value must not hide the rest, so what does not fit is taken out, remembered as broken and
the remainder read again: the rules of `check.py` then still see all of it. They leave alone what
rests on something broken, so that one mistake is reported once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from headway.site import later, limits, shape
from headway.site.finding import Finding, from_refused
from headway.site.problem import quoted
from headway.site.refused import Refused
from headway.site.tree import Data, Mark, Path, Scalar
from headway.site.values import nearest, one_of

MENDS_MAX = 5
SUGGESTIONS_MAX = 100  # looking for similar words is slow

# Which shape stands where; `*` is any name.
SHAPES: Mapping[Path, type[shape.Shape]] = {
    (): shape.SiteShape,
    ("entry",): shape.EntryShape,
    ("hosts", "*"): shape.HostShape,
    ("secrets", "*"): shape.SecretShape,
    ("services", "*"): shape.ServiceShape,
    ("services", "*", "health"): shape.HealthShape,
    ("services", "*", "overload"): shape.OverloadShape,
    ("services", "*", "resources"): shape.ResourcesShape,
    ("services", "*", "calls", "*"): shape.CallShape,
}
_EXPECTED = {
    "calls": ("names of services", "write `calls: {index: {deadline: 150ms}}`"),
    "env": ("variables and their values", "write `env: {WORDS: ./words.txt}`"),
    "services": ("names of services", "write `services: {frontend: {run: …}}`"),
    "environments": ("names of environments", 'write `environments: {test: {"*.replicas": 1}}`'),
    "hosts": ("names of hosts", "write `hosts: {a: {zone: east}, b: {zone: west}}`"),
    "secrets": ("names of secrets", "write `secrets: {ads-key: {file: ./ads-key}}`"),
    "files": ("a list of files", "write `files: [words.txt]`"),
}
_EXAMPLES = {
    "headway": "headway: 1",
    "site": "site: search",
    "entry": "entry: {service: frontend, port: 8080}",
    "services": "services: {frontend: {run: python -m search.frontend}}",
    "service": "service: frontend",
    "run": "run: python -m search.frontend",
}


@dataclass(frozen=True, slots=True)
class Shaped:
    site: shape.SiteShape | None  # without what is broken; None when nothing is left
    broken: frozenset[Path]
    findings: tuple[Finding, ...]


def shape_site(data: dict[str, Data]) -> Shaped:
    """Fit everything into the shapes. `data` is used up."""
    broken: set[Path] = set()
    findings: tuple[Finding, ...] = ()
    for mend_count in range(MENDS_MAX):
        try:
            site = shape.SiteShape.model_validate(data)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            if mend_count == 0:
                misspelt = _misspelt(details)
                broken |= misspelt
                wanted = [d for d in details if not _is_echo(d, misspelt, data)]
                findings = tuple(_finding(d, data) for d in wanted[: limits.PROBLEMS_MAX])
            broken.update(d["loc"] for d in details)
            _mend(data, details)
        else:
            return Shaped(site, frozenset(broken), findings)
    return Shaped(None, frozenset(broken), findings)


def shape_at(path: Path) -> type[shape.Shape] | None:
    """The shape of the mapping at a path."""
    for pattern, found in SHAPES.items():
        if len(pattern) == len(path) and all(
            p in ("*", step) for p, step in zip(pattern, path, strict=True)
        ):
            return found
    return None


def unknown_key(path: Path) -> Finding:
    """Not known, not known yet, or known elsewhere."""
    key, parent = str(path[-1]), shape_at(path[:-1])
    known = list(parent.model_fields) if parent else []
    if parent and key in later.KEYS.get(parent.name_in_later, {}):
        message = f"{quoted(key)} is not supported yet"
        help_ = later.KEYS[parent.name_in_later][key]
        return Finding("HW013", path, message, help_, on_key=True)
    if key == "<<":
        help_ = "repeat the lines; `environments` are for what differs in size"
        return Finding("HW016", path, "merge keys are not supported", help_, on_key=True)
    where = ".".join(str(p) for p in path[:-1])
    message = f"unknown key {quoted(key)}" + (f" in {quoted(where)}" if where else "")
    if other := _other_name(parent, key):
        help_ = other
    elif home := _home_of(key):
        help_ = f"`{key}` belongs {home}"
    else:
        help_ = one_of(key, known, label="Keys here:")
    return Finding("HW011", path, message, help_, on_key=True)


def _other_name(parent: type[shape.Shape] | None, key: str) -> str:
    """What to write for a key that is called differently here, or nothing."""
    return later.OTHER_NAMES.get(parent.name_in_later, {}).get(key, "") if parent else ""


def _home_of(key: str) -> str:
    for pattern, owner in SHAPES.items():
        if key in owner.model_fields:
            names = ("<name>" if p == "*" else str(p) for p in pattern)
            return f"under `{'.'.join(names)}`" if pattern else "at the top"
    return ""


def _finding(detail: Any, data: dict[str, Data]) -> Finding:
    path: Path = detail["loc"]
    refused = detail.get("ctx", {}).get("error")
    key = str(path[-1]) if path else ""
    if isinstance(refused, Refused):
        return from_refused(refused, path)
    if detail["type"] == "extra_forbidden":
        return unknown_key(path)
    if detail["type"] == "missing":
        owner = ".".join(str(p) for p in path[:-1])
        message = f"{quoted(owner)} lacks {quoted(key)}" if owner else f"{quoted(key)} is missing"
        return Finding("HW014", path, message, f"add `{_EXAMPLES.get(key, key + ': …')}`")
    value = _value_at(data, path)
    if isinstance(value, Scalar) and value.is_null:
        return Finding(
            "HW035", path, f"{quoted(key)} has no value", _EXPECTED.get(key, ("", ""))[1]
        )
    expected, help_ = _EXPECTED.get(key, ("names and values", 'write `{"*.replicas": 1}`'))
    found = "a list" if isinstance(value, list) else "one value"
    found = "a mapping" if isinstance(value, dict) else found
    return Finding("HW015", path, f"expected {expected}, found {found}", help_)


def _misspelt(details: Iterable[Any]) -> set[Path]:
    """Keys that were probably meant by unknown ones: what they say is not known either."""
    unknown = [d["loc"] for d in details if d["type"] == "extra_forbidden"]
    found: set[Path] = set()
    for path in unknown[:SUGGESTIONS_MAX]:
        parent = shape_at(path[:-1])
        other = _other_name(parent, str(path[-1]))
        meant = other.split("`")[1] if other.startswith("write `") else ""
        if parent and not meant:
            meant = nearest(str(path[-1]), list(parent.model_fields))
        if meant:
            found.add((*path[:-1], meant))
    return found


def _is_echo(detail: Any, misspelt: set[Path], data: dict[str, Data]) -> bool:
    """A key that lacks only because it was misspelt, or because it was to be merged in."""
    if detail["type"] != "missing":
        return detail["loc"] in misspelt
    parent = _value_at(data, detail["loc"][:-1])
    return detail["loc"] in misspelt or (isinstance(parent, dict) and "<<" in parent)


def _mend(data: dict[str, Data], details: Iterable[Any]) -> None:
    """Take out what does not fit, put a stand-in where something must be."""
    for detail in details:
        path: Path = detail["loc"]
        # An item of a list cannot go alone: the others would move to another place.
        names = path[: next((i for i, p in enumerate(path) if isinstance(p, int)), len(path))]
        if not names:
            continue
        parent = _value_at(data, names[:-1])
        if not isinstance(parent, dict):
            continue
        key = str(names[-1])
        if detail["type"] == "missing":
            parent[key] = _stand_in(key, data)
        else:
            parent.pop(key, None)


def _stand_in(key: str, data: dict[str, Data]) -> Data:
    services = data.get("services")
    first = next(iter(services), "none") if isinstance(services, dict) else "none"
    words: dict[str, Data] = {"headway": _word("1"), "service": _word(first), "services": {}}
    if key == "entry":
        return {"service": _word(first)}
    return words.get(key, _word("none"))


def _word(text: str) -> Scalar:
    return Scalar(text, plain=True, mark=Mark(1, 1, 1))


def _value_at(data: Data, path: Path) -> Data | None:
    value: Data | None = data
    for step in path:
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value
