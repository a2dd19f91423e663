"""Start headwayd when it is not there. It outlives the command and the terminal."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from headway.api.address import log_path, socket_path
from headway.cli.client import Client
from headway.cli.show import clean
from headway.cli.trouble import Trouble

LOG_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
START_S_MAX = 30.0
LOOK_EVERY_S = 0.05
LOG_LINES_SHOWN = 10
LOG_BYTES_SHOWN = 8192


def ensure_running(home: Path, client: Client) -> bool:
    """True when it had to be started."""
    if client.is_remote or client.reachable():
        return False  # one elsewhere cannot be started from here; whoever asks it will be told
    with _log_of(home) as log:
        written_before = log.seek(0, 2)
        process = subprocess.Popen(
            # -P: a `headway` folder where the user stands must not be taken for the package.
            [sys.executable, "-P", "-m", "headway.daemon", "--home", str(home)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S_MAX
    while not client.reachable():
        # Another one may have been faster; then ours ends and that one answers.
        ended = process.poll() is not None and not client.reachable()
        if ended or time.monotonic() > deadline:
            raise _not_there(home, process, written_before)
        time.sleep(LOOK_EVERY_S)
    # It is not ours to wait for; without this Python would warn about a child left behind.
    process.returncode = process.returncode or 0
    return True


@contextlib.contextmanager
def _log_of(home: Path) -> Iterator[IO[bytes]]:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = os.fdopen(os.open(log_path(home), LOG_FLAGS, 0o600), "ab")
    except OSError as error:
        raise Trouble(
            "denied" if isinstance(error, PermissionError) else "failed",
            f"cannot write to {home}: {_reason(error)}",
            remedy="choose a folder of yours with --home or HEADWAY_HOME",
        ) from error
    with log:
        yield log


def _reason(error: OSError) -> str | None:
    return "it is no folder" if isinstance(error, FileExistsError) else error.strerror


def _not_there(home: Path, process: subprocess.Popen[bytes], written_before: int) -> Trouble:
    ended = process.poll()
    how = (
        f"ended at once with status {ended}"
        if ended is not None
        else f"does not answer at {socket_path(home)} after {START_S_MAX:g} s"
    )
    process.returncode = process.returncode or 0
    said = _tail(log_path(home), written_before)
    text = "".join(f"\n    {clean(line)}" for line in said)
    return Trouble(
        "unreachable",
        f"headwayd {how}{text and '. It wrote:' + text}",
        remedy=f"headway doctor looks for the cause; the whole log is {log_path(home)}",
    )


def _tail(log: Path, start: int) -> list[str]:
    try:
        with log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(start, end - LOG_BYTES_SHOWN))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if _is_for_people(line)][-LOG_LINES_SHOWN:]


def _is_for_people(line: str) -> bool:
    """Not a traceback's: those are indented, except for their first line and the error itself."""
    return bool(line) and not line.startswith((" ", "Traceback ", "During handling", "The above"))
