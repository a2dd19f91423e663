"""`run: python -m search` -> argv, without a shell; shell syntax is found and named.

Headway starts programs itself, so that the process it watches is the program and not a shell
around it. Whatever a shell would have done must not be silently handed over as an argument.
"""

import re
import shlex

from headway.site.problem import quoted
from headway.site.refused import Refused
from headway.site.tree import Data
from headway.site.values import read_text, read_words

ARGUMENTS_MAX = 200

_OPERATORS = re.compile(r"&&|\|\||>>|\$\(|[|&;<>`\n]")
# What has meaning only inside a shell, as the first word.
_BUILTINS = frozenset({"cd", "export", "source", ".", "ulimit", "umask", "set", "exec", "eval"})
_ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")


def read_command(value: Data) -> tuple[str, ...]:
    """One line as a person types it, or a list of arguments taken as they are."""
    if isinstance(value, list):
        argv = tuple(read_text(item) for item in value)
        if not argv or not argv[0].strip():
            help_ = "the first item is the program: `[python, -m, search]`"
            raise Refused("HW028", "a command without a program", help_)
        return _limited(argv)
    line = read_words(value)
    _refuse_shell(line)
    try:
        argv = tuple(shlex.split(line))
    except ValueError:
        help_ = "close the quote, or write a list: `[python, -m, search]`"
        raise Refused("HW028", "a quote in the command is not closed", help_) from None
    if not argv or not argv[0]:
        help_ = "the first word is the program: `python -m search`"
        raise Refused("HW028", "a command without a program", help_)
    _refuse_first_word(line, argv[0])
    return _limited(argv)


def _limited(argv: tuple[str, ...]) -> tuple[str, ...]:
    if len(argv) > ARGUMENTS_MAX:
        message = f"a command with more than {ARGUMENTS_MAX} arguments"
        raise Refused("HW026", message, "put the settings into a file and name that under `files`")
    return argv


def _refuse_shell(line: str) -> None:
    found = _OPERATORS.search(_outside_quotes(line))
    if found is None:
        return
    operator = "a line break" if found.group() == "\n" else f"`{found.group()}`"
    message = f"{operator} needs a shell, and `run` is started without one"
    raise Refused("HW027", message, _through_shell(line))


def _refuse_first_word(line: str, word: str) -> None:
    if word in _BUILTINS:
        message = f"`{word}` belongs to a shell, and `run` is started without one"
        raise Refused("HW027", message, _through_shell(line))
    if _ASSIGNMENT.match(word):
        name, _, setting = word.partition("=")
        message = f"{quoted(word)} needs a shell, and `run` is started without one"
        raise Refused("HW027", message, f"write `env: {{{name}: {quoted(setting, 20)[1:-1]}}}`")


def _through_shell(line: str) -> str:
    if "'" in line or "\n" in line or len(line) > 60:
        return "quote it if it is meant as it stands, or write `sh -c '…'`"
    return f"quote it if it is meant as it stands, or write `sh -c '{line}'`"


def _outside_quotes(line: str) -> str:
    """The line with everything blanked that quotes or a backslash protect."""
    kept: list[str] = []
    quote = ""
    escaped = False
    for character in line:
        protected = escaped or bool(quote)
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped, protected = True, True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote, protected = character, True
        kept.append(" " if protected else character)
    return "".join(kept)
