"""Real shells that complete what somebody types, as near to a keyboard as each can be had."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.debs import ROOT

SHELL_S_MAX = 30.0
DEBS = ROOT / ".cache" / "debs" / "root"


def bash(words: list[str], environ: Mapping[str, str]) -> tuple[list[str], str]:
    """What bash offers for the last of the words, and whatever stood on the terminal beside it.

    $COMPLETION is the file with its script.
    """
    line = (
        'source "$COMPLETION"\n'
        'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n'
        "_headway_completion headway\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return _run(["bash", "--norc", "-c", line, "bash", *words], environ)


def fish(fish_path: Path, words: list[str], environ: Mapping[str, str]) -> tuple[list[str], str]:
    line = f"headway completion fish | source; complete -C '{' '.join(words)}'"
    out, err = _run([str(fish_path), "--no-config", "-c", line], environ)
    return [row.partition("\t")[0] for row in out], err


def _run(command: list[str], environ: Mapping[str, str]) -> tuple[list[str], str]:
    done = subprocess.run(
        command,
        env=environ,
        capture_output=True,
        text=True,
        timeout=SHELL_S_MAX,
        check=False,
    )
    return sorted(filter(None, done.stdout.splitlines())), done.stderr


@contextmanager
def zsh(zsh_path: Path, environ: Mapping[str, str]) -> Iterator["Terminal"]:
    """Only at a keyboard does it complete: a terminal where everything is loaded."""
    functions = DEBS / "usr/share/zsh/functions"
    unpacked = zsh_path.is_relative_to(ROOT)  # else it finds its own by itself
    more = {"FPATH": ":".join(folder for folder, _, _ in os.walk(functions))} if unpacked else {}
    modules = next(DEBS.glob("usr/lib/*/zsh/*"), None) if unpacked else None
    with terminal([str(zsh_path), "-f", "-i"], {**environ, **more, "TERM": "xterm"}) as at:
        load = f"module_path=({modules}); " if modules else ""
        at.type(
            f"{load}PS1='go> '; autoload -U compinit; compinit -u -D; "
            "source <(headway completion zsh); echo rea''dy\n"
        )
        at.until("ready\r\n")
        yield at


class Terminal:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.shown = ""

    def type(self, text: str) -> None:
        self.shown = ""
        os.write(self._fd, text.encode())

    def until(self, text: str) -> None:
        deadline = time.monotonic() + SHELL_S_MAX
        while text not in self.shown:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"no {text!r} in {self.shown!r}"
            ready, _, _ = select.select([self._fd], [], [], left_s)
            if ready:
                self.shown += os.read(self._fd, 65_536).decode(errors="replace")


@contextmanager
def terminal(command: list[str], environ: Mapping[str, str]) -> Iterator[Terminal]:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environ,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(mine)
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):
            os.close(mine)
