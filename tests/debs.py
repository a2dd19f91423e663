"""Programs of Debian for tests, brought by `tools/debs`: once per checkout, without root."""

import functools
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parent.parent
FETCH_S_MAX = 110.0  # a first download; at once from then on


def programs(*packages: str, not_run: Callable[[str], NoReturn]) -> Path:
    """The folder of their programs; the test is not run where they cannot be had."""
    folder, reason = _brought(packages)
    if not folder:
        not_run(reason)
    return Path(folder)


@functools.cache
def _brought(packages: tuple[str, ...]) -> tuple[str, str]:
    try:
        done = subprocess.run(
            [ROOT / "tools" / "debs", *packages],
            capture_output=True,
            text=True,
            timeout=FETCH_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", f"tools/debs did not end within {FETCH_S_MAX:g} s"
    return (done.stdout.strip(), "") if done.returncode == 0 else ("", done.stderr.strip()[-300:])
