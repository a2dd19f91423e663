"""The manual page, from the same help that the commands print: `make man` writes it.

Without dates and versions, so that it only changes when a command does.
"""

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import click

from headway.cli.main import headway, sections
from headway.cli.session import common
from headway.cli.trouble import MEANING, Exit
from headway.cli.verb import COMMON, Verb

SOURCE_WIDTH = 72
ENVIRONMENT = {
    "HEADWAY_HOME": "The state folder; else $XDG_STATE_HOME/headway, else ~/.local/state/headway.",
    "HEADWAY_URL": "A headwayd elsewhere, as https://host:8600.",
    "HEADWAY_TOKEN_FILE": "A file of mode 600 with the token for it.",
    "HEADWAY_TOKEN": "The token itself; the file counts first.",
    "HEADWAY_CA": "A PEM file with the authority that signed its certificate.",
    "NO_COLOR": "Not empty: plain text, whatever else is set.",
    "CLICOLOR_FORCE": "Not empty and not 0: colours also where there is no terminal.",
    "CLICOLOR": "0: plain text.",
}


def manual() -> str:
    """The whole page, for troff."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    about = _paragraphs(headway.help or "")[0]
    yield '.TH HEADWAY 1 "" Headway "User Commands"'
    yield ".SH NAME"
    yield "headway \\- describe, run and look after a web service of many processes"
    yield ".SH SYNOPSIS"
    yield f".B headway\n.I {_plain('COMMAND')}\n.RI [ options ]\n.RI [ arguments ]"
    yield f".SH DESCRIPTION\n{_prose(about)}"
    for title, names in sections().items():
        yield f'.SH "{title.upper()}"'
        for name in names:
            yield from _verb(name)
    yield '.SH "OPTIONS OF EVERY COMMAND"'
    yield from _options(_common_options())
    yield '.SH "EXIT STATUS"'
    yield from _items((str(int(code)), text) for code, text in MEANING.items())
    yield ".SH ENVIRONMENT"
    yield from _items(ENVIRONMENT.items())


def _verb(name: str) -> Iterator[str]:
    command = headway.get_command(click.Context(headway), name)
    assert command is not None, name
    if not isinstance(command, click.Group):
        yield from _command(f"headway {name}", command)
        return
    for inner, leaf in command.commands.items():
        yield from _command(f"headway {name} {inner}", leaf)


def _command(path: str, command: click.Command) -> Iterator[str]:
    usage = " ".join([path, *command.collect_usage_pieces(click.Context(command))])
    yield f'.SS "{_plain(usage)}"'
    for number, paragraph in enumerate(_paragraphs(command.help or "")):
        yield from [".PP"] * bool(number)
        yield _prose(paragraph)
    yield from _options([p for p in command.params if p.name not in COMMON])
    if isinstance(command, Verb):
        yield ".PP\nExamples:\n.nf\n.RS 4"
        yield from (_plain(example) for example in command.examples)
        yield ".RE\n.fi"
        special = [c for c in command.exits if c in (Exit.CHANGES, Exit.STALE_PLAN)]
        for code in special:
            yield f".PP\nExit status {int(code)}: {_plain(MEANING[code])}."


def _common_options() -> Sequence[click.Parameter]:
    bare = click.command()(common(lambda *_: None))
    return bare.params


def _options(parameters: Sequence[click.Parameter]) -> Iterator[str]:
    context = click.Context(headway)
    records = [p.get_help_record(context) for p in parameters if isinstance(p, click.Option)]
    yield from _items(record for record in records if record is not None)


def _items(found: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in found:
        yield f".TP\n.B {_plain(term)}\n{_prose(text)}"


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _prose(text: str) -> str:
    return "\n".join(_plain(line) for line in textwrap.wrap(text, SOURCE_WIDTH))


def _plain(text: str) -> str:
    """Nothing of it is an order to troff."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    safe = safe.replace("`", "\\(ga").replace("~", "\\(ti").replace("^", "\\(ha")
    safe = safe.replace("…", "...")
    return f"\\&{safe}" if safe[:1] in {".", "'"} else safe


if __name__ == "__main__":
    sys.stdout.write(manual())
