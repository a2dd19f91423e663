"""Completion for bash, zsh and fish. Click knows the shells; we see to it that nobody who is typing
is ever shown an error.
"""

import os
from typing import NamedTuple

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

VARIABLE = "_HEADWAY_COMPLETE"  # set by the scripts, as `bash_complete`
SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


class _Quiet(NamedTuple):
    """Where the script calls us, and the same without what the shell itself may complain of."""

    called: str
    quiet: str


QUIET = {
    "bash": _Quiet("$(env ", "$(2>/dev/null env "),
    "zsh": _Quiet("$(env ", "$(2>/dev/null env "),
    "fish": _Quiet(" headway);", " headway 2>/dev/null);"),
}


def script(shell: str) -> str:
    """What the shell has to read once."""
    made = SHELLS[shell](click.Command("headway"), {}, "headway", VARIABLE)
    text = ShellComplete.source(made)  # the one of bash would start a bash to see how old it is
    assert QUIET[shell].called in text, f"click has changed its script for {shell}"
    return text.replace(*QUIET[shell])


def answer(command: click.Group, instruction: str) -> int:
    """What a script asks for while somebody types. Nothing at all when anything goes wrong."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        shell = SHELLS[instruction.removesuffix("_complete")]
        click.echo(shell(command, {}, "headway", VARIABLE).complete())
    except BaseException:  # noqa: BLE001 - also of Ctrl-C: the line is the shell's
        return 1
    return 0
