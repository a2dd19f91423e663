"""`headway`: finds the verb, runs it, and turns whatever happens into one exit code.

No traceback ever reaches a person: what was not foreseen is one line, and the details are in a
file. A verb's module is only imported when it is used.
"""

import contextlib
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

from headway.cli.show import colour_wish
from headway.cli.tell import tell
from headway.cli.trouble import MEANING, Exit, Trouble
from headway.cli.verb import COMMON

CANNOT_WRITE = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG)

# name: (module:function, what it does), in the order of a day's work
VERBS = {
    "init": ("headway.cli.init:init", "Write a first description."),
    "check": ("headway.cli.check:check", "Check a description; change nothing."),
    "fmt": ("headway.cli.fmt:fmt", "Put a description in order; its meaning stays."),
    "plan": ("headway.cli.plan:plan", "Show what `up` would change; change nothing."),
    "diff": ("headway.cli.diff:diff", "Is one environment another in a different size?"),
    "up": ("headway.cli.up:up", "Make a description run, and wait until it does."),
    "status": ("headway.cli.status:status", "What runs, and how it goes."),
    "envs": ("headway.cli.envs:envs", "Every environment, of every site, in one line each."),
    "why": ("headway.cli.why:why", "Why is a service as it is?"),
    "logs": ("headway.cli.logs:logs", "What a service or a replica writes."),
    "events": ("headway.cli.events:events", "What happened, who did it and why."),
    "query": ("headway.cli.query:query", "Ask the monitor, in PromQL: a table or a plot."),
    "scale": ("headway.cli.scale:scale", "Another number of replicas, for a while."),
    "restart": ("headway.cli.restart:restart", "Replace a service's replicas, step by step."),
    "drain": ("headway.cli.drain:drain", "Take a replica away; another takes its place."),
    "log-level": ("headway.cli.log_level:log_level", "Log more, or less, for a while."),
    "envoy": ("headway.cli.envoy:envoy", "Envoy itself: replace it by a twin."),
    "down": ("headway.cli.down:down", "Drain and end everything of an environment."),
    "backup": ("headway.cli.backup:backup", "Copy the journal while everything runs."),
    "restore": ("headway.cli.restore:restore", "Go back to such a copy; nothing is ended."),
    "upgrade": ("headway.cli.upgrade:upgrade", "Go on with newer code; nothing is ended."),
    "doctor": ("headway.cli.doctor:doctor", "Is this machine fit? What is missing?"),
    "explain": ("headway.cli.explain:explain", "More about a problem's code, as HW012."),
    "schema": ("headway.cli.schema:schema", "The JSON Schema of a description."),
    "token": ("headway.cli.token:token", "Who may come in over TCP, how far and until when."),
    "api": ("headway.cli.api:api", "The API, for programs: its OpenAPI document."),
    "completion": ("headway.cli.completion:completion", "Let bash, zsh or fish complete."),
    "version": ("headway.cli.version:version", "Versions of everything that takes part."),
}

SECTIONS = {  # begins at this verb
    "init": "Describe",
    "plan": "Run",
    "status": "Look",
    "scale": "Act, for a while",
    "down": "End",
    "backup": "Look after Headway",
    "explain": "Learn",
    "token": "Let programs in",
    "completion": "This command",
}


class Verbs(click.Group):
    """Knows every verb by name, and only imports the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        module, _, function = VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), function)
        assert isinstance(command, click.Command), f"{cmd_name} is no command"
        return command

    def invoke(self, ctx: click.Context) -> object:
        """`headway logs | head`: nobody listens any more. Click would call that a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return _unheard(Exit.DONE)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        width = max(len(name) for name in VERBS)
        for title, names in sections().items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", VERBS[name][1]) for name in names])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        formatter.write_paragraph()
        formatter.write_text("headway COMMAND --help has its options, and examples.")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), text) for code, text in MEANING.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Like click's, but imports no verb."""
        found = [
            CompletionItem(name, help=text)
            for name, (_, text) in VERBS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(_unknown(args[0]))
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def headway() -> None:
    """Describe a distributed web service in one file; headway builds, balances, watches and
    repairs it.
    """


def sections() -> dict[str, list[str]]:
    """The verbs under their titles."""
    found: dict[str, list[str]] = {}
    title = ""
    for name in VERBS:
        title = SECTIONS.get(name, title)
        found.setdefault(title, []).append(name)
    return found


def main() -> NoReturn:
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who called, as in `headway status >&-`
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as we live
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter that does not exist there is no fault
            stream.reconfigure(errors="backslashreplace")
    if complete := os.environ.get("_HEADWAY_COMPLETE"):
        from headway.cli.complete import answer  # noqa: PLC0415 - only when a shell asks

        sys.exit(answer(headway, complete))
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Never raises."""
    colour, in_json = colour_wish(os.environ), wants_json(arguments)
    try:
        code = headway.main(
            list(arguments), prog_name="headway", standalone_mode=False, color=colour
        )
        sys.stdout.flush()
    except NoArgsIsHelpError as asked:
        asked.show()
        return Exit.INVALID
    except click.ClickException as error:
        return tell(_usage(error), in_json=in_json, colour=colour)
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED  # who pressed Ctrl-C knows it
    except BrokenPipeError:
        return _unheard(Exit.DONE)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except Exception as error:  # noqa: BLE001 - the last line before the person
        if isinstance(error, OSError) and error.errno in CANNOT_WRITE and error.filename is None:
            text = f"the output cannot be written: {error.strerror}"
            remedy = "is the disk full that it goes to?"
            tell(Trouble("failed", text, remedy=remedy), in_json=False, colour=colour)
            return _unheard(Exit.FAILED)
        return tell(_fault(error), in_json=in_json, colour=colour)
    return int(code or 0)


def wants_json(arguments: Sequence[str]) -> bool:
    """Also when the command line is too wrong to be understood."""
    line = f" {' '.join(arguments)} "
    return any(
        f" {words} " in line for words in ("-o json", "-ojson", "--output json", "--output=json")
    )


def _usage(error: click.ClickException) -> Trouble:
    """Wrong usage, with the right one."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    said = error.format_message().rstrip(".")
    said = said[:1].lower() + said[1:]
    if ctx is None:
        return Trouble("usage", said, remedy="headway --help")
    path = ctx.command_path
    if ctx.command is headway:
        option = error.option_name if isinstance(error, click.NoSuchOption) else ""
        if option == "--version":
            return Trouble("usage", said, remedy="headway version")
        if option.lstrip("-").replace("-", "_") in {*COMMON, "o"}:
            error_text = f"{option} comes after the command"
            return Trouble("usage", error_text, remedy=f"headway status {option} …")
        return Trouble("usage", said, remedy=f"{path} --help lists the commands")
    usage = " ".join([path, *ctx.command.collect_usage_pieces(ctx)])
    return Trouble("usage", said, remedy=f"{usage}; more: {path} --help")


def _unheard(code: Exit) -> Exit:
    """What is still to be written goes nowhere, also when Python ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _unknown(verb: str) -> str:
    import difflib  # noqa: PLC0415 - only paid for after a mistake

    near = difflib.get_close_matches(verb, VERBS, n=1)
    return f"no such command: {verb}" + (f". Did you mean `headway {near[0]}`?" if near else "")


def _fault(error: Exception) -> Trouble:
    import tempfile  # noqa: PLC0415 - only paid for after a fault
    import traceback  # noqa: PLC0415

    details = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="headway-fault-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(details)
            where = f"details: {file.name}; please report them"
    except OSError:
        where = "the details could not be written down"
    said = str(error).splitlines()
    text = f"a fault in headway: {type(error).__name__}: {said[0] if said else ''}"
    return Trouble("fault", text, remedy=where)
