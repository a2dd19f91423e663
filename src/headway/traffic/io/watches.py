"""How many files Envoy may still watch: the kernel allows each user a few (128 by default).

Envoy takes one for each cluster and three besides, and *aborts* when there is none left, at a start
as in the middle of its work. So a configuration that would need more is refused before it is
written.
"""

import os
from pathlib import Path

from headway.model.errors import TrafficError

LIMIT_FILE = Path("/proc/sys/fs/inotify/max_user_instances")
OWN_WATCHES = 3  # clusters, listeners, routes
KEPT_FREE = 8  # for other programs of the same user


def require_watches(needed: int) -> None:
    """Raises `TrafficError` when a configuration with this many more would end Envoy."""
    free = _free()
    if free is not None and needed + KEPT_FREE > free:
        raise TrafficError(
            f"Envoy would need {needed} more file watches and this user has {max(0, free)} left "
            f"({KEPT_FREE} are kept for others); the old configuration stays",
            remedy="Raise the kernel's limit: sysctl fs.inotify.max_user_instances=1024.",
        )


def _free() -> int | None:
    """None where the kernel does not count them so (not Linux)."""
    try:
        limit = int(LIMIT_FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return limit - sum(_held(process) for process in _own_processes())


def _own_processes() -> list[Path]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and process.stat().st_uid == os.getuid():
                found.append(process)
        except OSError:
            continue  # gone meanwhile
    return found


def _held(process: Path) -> int:
    count = 0
    try:
        for handle in (process / "fd").iterdir():
            count += os.readlink(handle) == "anon_inode:inotify"  # noqa: PTH115 - no path, a name
    except OSError:
        pass  # gone meanwhile: what it held is free
    return count
