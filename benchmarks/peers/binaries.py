"""Where the peers' programs are: on the path, or brought into `.cache` by `make bench-tools`."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
FROM_DEBS = ROOT / ".cache" / "debs" / "bin"
RAY_PYTHON = ROOT / ".cache" / "bench-venv" / "bin" / "python"
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"


class MissingError(Exception):
    """A program that a comparison needs is not there; says how to get it."""


def find(name: str) -> Path:
    found = shutil.which(name, path=f"{FROM_DEBS}:{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    if found is None:
        raise MissingError(f"{name} is not on this machine; make bench-tools brings it")
    return Path(found)


def ray_python() -> Path:
    if not RAY_PYTHON.exists():
        raise MissingError(f"there is no {RAY_PYTHON}; make bench-tools makes it")
    return RAY_PYTHON
