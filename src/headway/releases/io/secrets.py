"""Secrets: from a file of mode 0600 or the output of a command, straight into the process.

A value is never returned to anything that writes, prints or compares; versions come from the
file's identity, never from its content.
"""

import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from headway.model.errors import SecretError
from headway.model.site import SecretSource

SECRET_BYTES_MAX = 64 * 1024
COMMAND_TIMEOUT_S = 10.0


class Secrets:
    """The secrets of one environment: those named in the description, others by file name."""

    def __init__(self, sources: Mapping[str, SecretSource], *, folder: Path, base: Path) -> None:
        self._sources = sources
        self._folder = folder
        self._base = base  # relative paths in the description start here

    def version(self, name: str) -> str:
        """Changes when the secret was written anew. Commands have no version: restart to renew."""
        source = self._sources.get(name)
        if source is not None and source.command:
            return "command"
        facts = self._checked(name)
        return f"{facts.st_ino}-{facts.st_mtime_ns}-{facts.st_size}"

    def value(self, name: str) -> str:
        source = self._sources.get(name)
        if source is not None and source.command:
            return _from_command(name, source.command, self._base)
        self._checked(name)
        try:
            text = self._path(name).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(
                f"secret `{name}` cannot be read as text: {type(error).__name__}",
                remedy=f"look at {self._path(name)}",
            ) from None  # the cause may quote the content
        return text.removesuffix("\n")

    def _path(self, name: str) -> Path:
        source = self._sources.get(name)
        if source is not None and source.file is not None:
            return self._base / Path(source.file).expanduser()
        return self._folder / name

    def _checked(self, name: str) -> os.stat_result:
        path = self._path(name)
        try:
            facts = path.stat()
        except OSError as error:
            raise SecretError(
                f"secret `{name}` has no value: {path}: {error.strerror}",
                remedy=f"install -m 600 /dev/stdin {path}    (then type the value and Ctrl-D)",
            ) from error
        if not stat.S_ISREG(facts.st_mode):
            raise SecretError(f"secret `{name}`: {path} is not a file", remedy="make it a file")
        if facts.st_mode & 0o077:
            raise SecretError(
                f"secret `{name}`: others may read {path} (mode {facts.st_mode & 0o777:03o})",
                remedy=f"chmod 600 {path}",
            )
        if facts.st_size > SECRET_BYTES_MAX:
            raise SecretError(
                f"secret `{name}` is larger than {SECRET_BYTES_MAX >> 10} KiB",
                remedy="put a path into the environment and protect that file yourself",
            )
        return facts


def _from_command(name: str, command: tuple[str, ...], directory: Path) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SecretError(
            f"secret `{name}`: its command gave nothing: {type(error).__name__}",
            remedy=f"run it by hand: {command[0]} …",
        ) from None
    if done.returncode != 0 or len(done.stdout) > SECRET_BYTES_MAX:
        raise SecretError(
            f"secret `{name}`: its command exited {done.returncode}",
            remedy=f"run it by hand: {command[0]} …",
        )
    return done.stdout.decode(errors="strict").removesuffix("\n")
