"""The watchlist on disk: headwayd replaces it whole, the monitor looks whether it is new."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from headway.monitoring.targets import Watchlist, WatchlistError, read, written

WATCHLIST_NAME = "headway-monitor.watch.json"
WATCHLIST_BYTES_MAX = 64 << 20


def watchlist_path(home: Path) -> Path:
    return home / WATCHLIST_NAME


def write(home: Path, watchlist: Watchlist) -> None:
    """Not synced: whoever reads it after a crash of the machine finds other processes anyway."""
    path = watchlist_path(home)
    unborn = path.with_name(f".{path.name}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(unborn, flags, 0o600), "wb") as file:
        file.write(written(watchlist))
    unborn.replace(path)


def forget(home: Path) -> None:
    with suppress(OSError):
        watchlist_path(home).unlink(missing_ok=True)


class WatchlistFile:
    """What headwayd wrote last."""

    def __init__(self, home: Path, wall_s: Callable[[], float] = time.time) -> None:
        self._path = watchlist_path(home)
        self._wall_s = wall_s
        self._stamp: tuple[int, int] | None = None

    def news(self) -> Watchlist | None:
        """None: nothing new. Raises WatchlistError, once, about one that cannot be read."""
        try:
            with self._path.open("rb") as file:
                facts = os.fstat(file.fileno())
                stamp = (facts.st_mtime_ns, facts.st_ino)
                if stamp == self._stamp:
                    return None
                self._stamp = stamp
                text = file.read(WATCHLIST_BYTES_MAX + 1)
        except FileNotFoundError:
            was, self._stamp = self._stamp, None
            return None if was is None else Watchlist(0)
        except OSError as error:
            raise WatchlistError(f"{self._path} cannot be read: {error.strerror}") from error
        if len(text) > WATCHLIST_BYTES_MAX:
            raise WatchlistError(f"{self._path} has more than {WATCHLIST_BYTES_MAX >> 20} MiB")
        return read(text)

    @property
    def age_s(self) -> float:
        """How long headwayd has not said anything."""
        return 0.0 if self._stamp is None else max(0.0, self._wall_s() - self._stamp[0] / 1e9)
