"""`environments:` are sizes of the same site: paths and the values they have there.

Overrides are put into the tree before anything is read from it, so that a bad value is found at
the place where it was written. A path that matches nothing is an error: it was meant to change
something.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from headway.model.site import Kind
from headway.site import later, limits
from headway.site.finding import Finding, from_refused
from headway.site.problem import quoted
from headway.site.refused import Refused
from headway.site.shaping import SHAPES, shape_at
from headway.site.tree import Mapping, Node, Path, Scalar
from headway.site.values import one_of

EVERY_SERVICE = "*"
SITE_KEYS = ("latency_budget", "owner", "hosts")
# Said of a job, these would be ignored; so they are refused, and `*` leaves jobs out.
USELESS_FOR_JOBS = (
    "health",
    "balance",
    "hash",
    "weight",
    "slow_start",
    "spread",
    "ready_min",
    "overload",
)
# First words of paths; a service may not take their place.
RESERVED_NAMES = frozenset({"entry", "hosts", "owner", "secrets"})


@dataclass(frozen=True, slots=True)
class Applied:
    root: Mapping
    overridden: frozenset[Path]


@dataclass(frozen=True, slots=True)
class _Change:
    """One line of an environment, and everything that it changes."""

    key: Scalar
    value: Node
    paths: tuple[Path, ...]
    is_exact: bool
    depth: int


# A mapping while it is being changed: key -> how the key was written, and its value.
_Draft = dict[str, tuple[Scalar, "Node | _Draft"]]


def declared(root: Mapping) -> tuple[str, ...]:
    """The environments that the description names."""
    environments = root.get("environments")
    entries = environments.entries if isinstance(environments, Mapping) else ()
    return tuple(key.text for key, _ in entries)


def apply(root: Mapping, environment: str) -> Applied:
    """The site in the size of one environment. Paths that match nothing are left out."""
    changes = sorted(_changes(root, environment), key=lambda c: (c.is_exact, c.depth))
    draft = dict(_entries(root))
    overridden: set[Path] = set()
    # The exact wins over `*`, the part over the whole, wherever they stand in the file.
    for change in changes:
        for path in change.paths[: limits.CHANGES_MAX - len(overridden)]:
            _set(draft, path, change)
            overridden.add(path)
    return Applied(_frozen(draft, root), frozenset(overridden))


def check_paths(root: Mapping) -> Iterator[Finding]:
    """Every path of every environment must match something, and not too much."""
    for environment in declared(root)[: limits.ENVIRONMENTS_MAX]:
        for key, _ in overrides(root, environment):
            try:
                targets(root, key.text)
            except Refused as refused:
                path = ("environments", environment, key.text)
                yield from_refused(refused, path, on_key=True)
        change_count = sum(len(c.paths) for c in _changes(root, environment))
        if change_count > limits.CHANGES_MAX:
            message = f"{change_count} changes; an environment may change {limits.CHANGES_MAX}"
            help_ = "an environment is a size of the same site; describe another site"
            yield Finding("HW052", ("environments", environment), message, help_)


def targets(root: Mapping, text: str) -> tuple[Path, ...]:
    """What a path like `*.replicas` means in this site, or `Refused`."""
    first, *rest = text.split(".")
    if not rest and first not in SITE_KEYS and first != "entry":
        message = f"{quoted(text)} is not a path to a key"
        raise Refused("HW050", message, _longer_path(first))
    if first == "services" and len(rest) > 1:
        message = f"{quoted(text)} matches nothing: paths begin with the service"
        raise Refused("HW050", message, f"write {quoted('.'.join(rest))}")
    if first in SITE_KEYS and not rest:
        return ((first,),)
    if first == "secrets":
        return (("secrets", ".".join(rest)),)
    if first == "entry":
        return (("entry", *_inside(("entry",), rest, text)),)
    if first == "hosts":
        return (_host(root, rest, text),)
    return _in_services(root, first, rest, text)


def _in_services(root: Mapping, first: str, rest: list[str], text: str) -> tuple[Path, ...]:
    """The same for `<service>.<key>…` and `*.<key>…`."""
    services = root.get("services")
    named = {k.text: v for k, v in services.entries} if isinstance(services, Mapping) else {}
    if first != EVERY_SERVICE and first not in named:
        message = f"{quoted(text)} matches nothing: no service is called {quoted(first)}"
        raise Refused("HW050", message, one_of(first, [*named, EVERY_SERVICE, "entry"]))
    chosen = named if first == EVERY_SERVICE else {first: named[first]}
    inside = _inside(("services", first), rest, text)
    if first == EVERY_SERVICE and inside[0] in USELESS_FOR_JOBS:
        chosen = {n: s for n, s in chosen.items() if not _is_job(s)}
        if not chosen:
            message = f"{quoted(text)} matches nothing: every service is a job"
            raise Refused("HW050", message, "remove it; jobs run once and get no traffic")
    if inside[0] == "calls":
        chosen = {n: s for n, s in chosen.items() if _calls(s, rest[1:2])}
    if not chosen:
        message = f"{quoted(text)} matches nothing: no such call is described"
        raise Refused("HW050", message, "describe the call in the service, then its size here")
    return tuple(("services", name, *inside) for name in chosen)


def _host(root: Mapping, rest: list[str], text: str) -> Path:
    hosts = root.get("hosts")
    named = [key.text for key, _ in hosts.entries] if isinstance(hosts, Mapping) else []
    if rest[0] not in named:
        message = f"{quoted(text)} matches nothing: no host is called {quoted(rest[0])}"
        help_ = one_of(rest[0], named) if named else "describe it at the top, or override `hosts`"
        raise Refused("HW050", message, help_)
    return ("hosts", rest[0], *_inside(("hosts", rest[0]), rest[1:], text))


def _is_job(service: Node) -> bool:
    kind = service.get("kind") if isinstance(service, Mapping) else None
    return isinstance(kind, Scalar) and kind.text == Kind.JOB


def _longer_path(text: str) -> str:
    """What was probably meant by one word alone."""
    if text in SHAPES["services", "*"].model_fields:
        return f'write `"*.{text}"` for every service, or name one: `"<service>.{text}"`'
    if text == "secrets":
        return 'write `"secrets.<name>": {file: …}`'
    return f'write `"{text[:40] or "<service>"}.replicas": 1`, with the whole path on one line'


def _inside(parent: Path, rest: list[str], text: str) -> Path:
    """Follow the keys below one mapping; each must be known there."""
    inside: list[str] = []
    for key in rest:
        here = shape_at((*parent, *inside))
        if here is None:
            # Below `env` and `calls` stand names; below a value stands nothing.
            if inside[-1:] in (["env"], ["calls"]) and len(inside) == 1 and key:
                inside.append(key)
                continue
            message = f"{quoted(text)} matches nothing: {quoted('.'.join(inside))} is one value"
            raise Refused("HW050", message, "shorten the path")
        if key in later.KEYS.get(here.name_in_later, {}):
            message = f"{quoted(key)} is not supported yet"
            raise Refused("HW013", message, later.KEYS[here.name_in_later][key])
        if key not in here.model_fields:
            message = f"{quoted(text)} matches nothing: there is no key {quoted(key)}"
            raise Refused(
                "HW050", message, one_of(key, list(here.model_fields), label="Keys here:")
            )
        inside.append(key)
    return tuple(inside)


def _calls(service: Node, callee: list[str]) -> bool:
    calls = service.get("calls") if isinstance(service, Mapping) else None
    return not callee or (isinstance(calls, Mapping) and calls.get(callee[0]) is not None)


def overrides(root: Mapping, environment: str) -> tuple[tuple[Scalar, Node], ...]:
    """The lines of one environment."""
    environments = root.get("environments")
    found = environments.get(environment) if isinstance(environments, Mapping) else None
    return found.entries if isinstance(found, Mapping) else ()


def _changes(root: Mapping, environment: str) -> Iterator[_Change]:
    for key, value in overrides(root, environment):
        try:
            paths = targets(root, key.text)
        except Refused:
            continue  # reported by `check_paths`
        is_exact = not key.text.startswith(EVERY_SERVICE + ".")
        yield _Change(key, value, paths, is_exact=is_exact, depth=key.text.count("."))


def _set(draft: _Draft, path: Path, change: _Change) -> None:
    """Put one value in; keys that were not there stand where the override stands."""
    here = draft
    for step in path[:-1]:
        key, node = here.get(str(step), (_renamed(change.key, step), change.value))
        if not isinstance(node, dict):
            node = dict(_entries(node)) if str(step) in here else {}
            here[str(step)] = (key, node)
        here = node
    old_key, _ = here.get(str(path[-1]), (_renamed(change.key, path[-1]), None))
    here[str(path[-1])] = (old_key, change.value)


def _renamed(key: Scalar, step: str | int) -> Scalar:
    return Scalar(str(step), key.plain, key.mark)


def _entries(node: Node) -> Iterator[tuple[str, tuple[Scalar, Node | _Draft]]]:
    for key, value in node.entries if isinstance(node, Mapping) else ():
        yield key.text, (key, value)


def _frozen(draft: _Draft, original: Node) -> Mapping:
    return Mapping(
        tuple(
            (key, _frozen(value, key) if isinstance(value, dict) else value)
            for key, value in draft.values()
        ),
        original.mark,
    )
