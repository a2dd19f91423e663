"""The text that every machine with Python has: its library's docstrings and packages' READMEs.

The same machine always gives the same passages in the same order, so every replica of the index
gives the same answers. Everything is bounded: a start must be quick.
"""

import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from search.passages import Passage, of_readme, of_source

PASSAGES_MAX = 4000
FILES_MAX = 1500
FILE_BYTES_MAX = 400_000
READMES_MAX = 200

_LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "site-packages", "pydoc_data", "encodings"}


def read_corpus(*, limit: int = PASSAGES_MAX) -> tuple[Passage, ...]:
    """Whole modules and classes come first when there is more than fits."""
    found = [*_readmes(), *_library()]
    found.sort(key=lambda passage: passage.rank)  # stable: files stay in their order
    return tuple(found[:limit])


def _library() -> Iterator[Passage]:
    root = Path(sysconfig.get_paths()["stdlib"])
    origin = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    for path in sorted(_sources(root))[:FILES_MAX]:
        inside = path.relative_to(root)
        source = _text(path)
        if source:
            parts = inside.with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield from of_source(source, module=module, path=str(inside), origin=origin)


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        name = path.name
        if name in _LEFT_OUT or (name.startswith("_") and name != "__init__.py"):
            continue
        if path.suffix == ".py":
            yield path
        elif path.is_dir() and (path / "__init__.py").exists():
            yield from _sources(path)


def _readmes() -> Iterator[Passage]:
    for package in sorted(distributions(), key=_name)[:READMES_MAX]:
        readme = package.read_text("METADATA") or ""
        _, _, body = readme[:FILE_BYTES_MAX].partition("\n\n")
        name = _name(package)
        yield from of_readme(body, name=name, origin=f"{name} {package.version}")


def _name(package: Distribution) -> str:
    return package.metadata["Name"] or ""


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # a file that cannot be read holds no answers
