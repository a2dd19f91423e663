"""Where headwayd is found: its home, its socket, its log. Light, because the CLI imports it."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from headway.model.errors import HeadwayError

SOCKET_NAME = "headwayd.sock"
LOG_NAME = "headwayd.log"
JOURNAL_NAME = "journal.db"
SETTINGS_NAME = "headwayd.toml"
TOKENS_NAME = "tokens.json"
LOCK_NAME = "headwayd.lock"  # there while a headwayd looks after this home
MONITOR_SOCKET_NAME = "headway-monitor.sock"
MONITOR_SETTINGS_NAME = "headway-monitor.toml"
PATH_BYTES_MAX = 107  # what the kernel's sockaddr_un holds


def default_home(environ: Mapping[str, str]) -> Path:
    """$HEADWAY_HOME, else the folder for state that lasts."""
    asked = environ.get("HEADWAY_HOME")
    state = environ.get("XDG_STATE_HOME") or "~/.local/state"
    home = Path(asked) if asked else Path(state) / "headway"
    try:
        return home.expanduser()
    except RuntimeError as error:
        raise HeadwayError(
            f"nobody knows which folder {home.parts[0]} is",
            remedy="set HEADWAY_HOME to a folder of yours, in full",
        ) from error


def socket_path(home: Path) -> Path:
    return home / SOCKET_NAME


def log_path(home: Path) -> Path:
    return home / LOG_NAME


def lock_path(home: Path) -> Path:
    return home / LOCK_NAME


def journal_path(home: Path) -> Path:
    return home / JOURNAL_NAME


def settings_path(home: Path) -> Path:
    return home / SETTINGS_NAME


def monitor_socket_path(home: Path) -> Path:
    return home / MONITOR_SOCKET_NAME


def monitor_settings_path(home: Path) -> Path:
    return home / MONITOR_SETTINGS_NAME


@contextlib.contextmanager
def short(path: Path) -> Iterator[str]:
    """A name for `path` that fits into a socket address, however deep the home lies."""
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        yield str(path)
        return
    if not Path("/proc/self/fd").is_dir():
        raise HeadwayError(
            f"{path} is too long for a socket: at most {PATH_BYTES_MAX} bytes",
            remedy="choose a shorter HEADWAY_HOME",
        )
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
