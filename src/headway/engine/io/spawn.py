"""Start one process: own session, nothing inherited, output to a file.

`vfork`-cheap: no code of ours runs between fork and exec. Where the process must join cgroups a
few words of shell do it before they become the command.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

CANNOT_JOIN = 125
NOT_RUNNABLE = 126
NOT_FOUND = 127
# What a shell would add to the environment on its own.
SHELL_VARIABLES = ("PWD", "OLDPWD", "SHLVL", "_")


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    env: Mapping[str, str]
    directory: str


class CannotStart(Exception):  # noqa: N818  an outcome that is recorded, not an accident
    def __init__(self, status: int, note: str) -> None:
        super().__init__(note)
        self.status = status
        self.note = note


def spawn(command: Command, log: Path, header: str, leaves: Sequence[Path]) -> int:
    """Its pid. Raises `CannotStart`."""
    _check(command)
    argv = [*_joining(leaves, command.env), *command.argv]
    output = -1
    try:
        output = _open_log(log, header)
        process = subprocess.Popen(
            argv,
            env=command.env,
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotStart(NOT_RUNNABLE, f"cannot run {command.argv[0]}: {reason}") from None
    finally:
        if output >= 0:
            os.close(output)
    disown(process)
    return process.pid


def disown(process: "subprocess.Popen[bytes]") -> None:
    """The keeper waits for its children itself; Popen must neither wait nor complain."""
    process.returncode = 0


def _open_log(log: Path, header: str) -> int:
    """The file, or /dev/null when it cannot be opened: a replica matters more than its log."""
    try:
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # a full disk
        os.write(output, f"--- {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {header}\n".encode())
    return output


def _check(command: Command) -> None:
    """Find out what the shell could only tell the log."""
    directory = Path(command.directory)
    if not directory.is_dir():
        raise CannotStart(NOT_RUNNABLE, f"its directory does not exist: {directory}")
    name = command.argv[0]
    if "/" in name:
        file = directory / name
        if not file.exists():
            raise CannotStart(NOT_FOUND, f"command not found: {name}")
        if not file.is_file() or not os.access(file, os.X_OK):
            raise CannotStart(NOT_RUNNABLE, f"cannot be executed: {name}")
    elif shutil.which(name, path=command.env.get("PATH", os.defpath)) is None:
        raise CannotStart(NOT_FOUND, f"command not found: {name}")


def _joining(leaves: Sequence[Path], env: Mapping[str, str]) -> list[str]:
    if not leaves:
        return []
    added = " ".join(name for name in SHELL_VARIABLES if name not in env)
    script = (
        f'until [ "$1" = -- ]; do echo $$ >"$1" || exit {CANNOT_JOIN}; shift; done; '
        f'shift; unset {added}; exec "$@"'
    )
    files = (str(leaf / "cgroup.procs") for leaf in leaves)
    return ["/bin/sh", "-c", script, "join", *files, "--"]
