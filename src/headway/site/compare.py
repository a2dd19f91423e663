"""Two environments of one description: do they differ only in size, or in what they are?

A test environment proves something about production exactly as far as the two are the same site.
Compared is everything a description says, with every default filled in; nothing is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from headway.model.ids import EnvironmentName
from headway.site import environments
from headway.site.expand import expand
from headway.site.parse import Parsed
from headway.site.tree import Mapping, Path, find, read_tree

SIZE_OF_SERVICE = frozenset({"replicas", "ready_min", "surge_max", "resources", "weight"})
SIZE_OF_SITE = (("hosts",), ("entry", "port"))
SHARDS = ("tree", "shards")


@dataclass(frozen=True, slots=True)
class Value:
    text: str  # "" where there is none
    line: int | None  # of the description; None: nobody wrote it, it is a default


@dataclass(frozen=True, slots=True)
class Unlike:
    """One fact that is another in the other environment."""

    what: str  # "index.replicas", "entry.port"
    before: Value
    after: Value
    is_size: bool


def compare(one: Parsed, other: Parsed, names: tuple[str, str]) -> tuple[Unlike, ...]:
    """Both of the same text and without errors; what is about size comes last."""
    assert one.site is not None, "only sound descriptions can be compared"
    assert other.site is not None, "only sound descriptions can be compared"
    was = dict(_facts(yaml.safe_load(expand(one.site))))
    becomes = dict(_facts(yaml.safe_load(expand(other.site))))
    places = tuple(_Places(one.text, EnvironmentName(name)) for name in names)
    found = [
        Unlike(
            _name(path),
            Value(was.get(path, ""), places[0].line(path) if path in was else None),
            Value(becomes.get(path, ""), places[1].line(path) if path in becomes else None),
            is_size(path),
        )
        for path in sorted({*was, *becomes}, key=str)
        if was.get(path, "") != becomes.get(path, "")
    ]
    return tuple(sorted(found, key=lambda unlike: unlike.is_size))


def is_size(path: Path) -> bool:
    """How many, how large, where; not what it is or does."""
    if path[0] == "services":
        return path[2] in SIZE_OF_SERVICE or path[2:4] == SHARDS
    return any(path[: len(size)] == size for size in SIZE_OF_SITE)


class _Places:
    """Where the values of one environment were written."""

    def __init__(self, text: str, environment: EnvironmentName) -> None:
        root = read_tree(text).root
        assert isinstance(root, Mapping), "a sound description is a mapping"
        self._root = environments.apply(root, environment).root

    def line(self, path: Path) -> int | None:
        node: Any = self._root
        for step in path:
            if not isinstance(node, Mapping):
                break  # the short way to write it, as `calls: [index]`
            node = node.get(str(step))
            if node is None:
                return None
        return find(self._root, path).line


def _facts(told: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Everything at its path; an empty part says nothing."""
    if isinstance(told, dict):
        for key, value in told.items():
            yield from _facts(value, (*path, str(key)))
    elif isinstance(told, list):
        yield path, " ".join(map(str, told))
    else:
        yield path, str(told)


def _name(path: Path) -> str:
    return ".".join(map(str, path[1:] if path[0] == "services" else path))
