"""What the rules look at: one site in the size of one environment."""

from collections.abc import Iterable
from dataclasses import dataclass

from headway.model.ids import EnvironmentName
from headway.site.build import Size, size_of
from headway.site.shape import SiteShape
from headway.site.tree import Mapping, Path


class Broken:
    """Paths of what was already reported: nothing that rests on them is worth a second word."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = frozenset(paths)
        self._above = frozenset(p[:i] for p in self._paths for i in range(len(p)))

    def holds(self, path: Path) -> bool:
        """True when this, or all that it stands in, was reported."""
        return any(path[:i] in self._paths for i in range(len(path) + 1))

    def touches(self, path: Path) -> bool:
        """True when also a part of it was reported."""
        return path in self._above or self.holds(path)


@dataclass(frozen=True, slots=True)
class Described:
    site: SiteShape
    root: Mapping
    environment: EnvironmentName
    overridden: frozenset[Path]
    broken: Broken

    def is_sound(self, *path: str | int) -> bool:
        """True when nothing at, above or below this path was reported."""
        return not self.broken.touches(path)

    def is_readable(self, *path: str | int) -> bool:
        """True unless this, or all that it stands in, was reported. Parts of it may have been."""
        return not self.broken.holds(path)

    def size_of(self, name: str) -> Size:
        return size_of(name, self.site.services[name], self.overridden)
