"""`headway`: finds the verb, runs it, and turns whatever happens into one exit code.

No traceback ever reaches a person: what was not foreseen is one line, and the details are in a
file. A verb's module is only imported when it is used.
"""

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from headway.cli.show import problem
from headway.cli.trouble import Exit

CANNOT_WRITE = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG)

# name: (module:function, what it does)
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
    "version": ("headway.cli.version:version", "Versions of everything that takes part."),
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
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

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
    epilog="Exit codes: 0 done, 1 failed, 2 invalid, 3 changes (--exit-code), 4 stale plan, "
    "5 not allowed, 6 headwayd not reachable, 130 interrupted.",
)
def headway() -> None:
    """Describe a distributed web service in one file; headway builds, balances, watches and
    repairs it.
    """


def main() -> NoReturn:
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who called, as in `headway status >&-`
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as we live
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Never raises."""
    try:
        code = headway.main(list(arguments), prog_name="headway", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return Exit.INVALID
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED  # who pressed Ctrl-C knows it
    except BrokenPipeError:
        return _unheard(Exit.DONE)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except Exception as error:  # noqa: BLE001 - the last line before the person
        if isinstance(error, OSError) and error.errno in CANNOT_WRITE and error.filename is None:
            text = f"the output cannot be written: {error.strerror}"
            click.echo(problem(text, "is the disk full that it goes to?"), err=True)
            return _unheard(Exit.FAILED)
        click.echo(_fault(error), err=True)
        return Exit.FAILED
    return int(code or 0)


def _unheard(code: Exit) -> Exit:
    """What is still to be written goes nowhere, also when Python ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _unknown(verb: str) -> str:
    import difflib  # noqa: PLC0415 - only paid for after a mistake

    near = difflib.get_close_matches(verb, VERBS, n=1)
    return f"no such command: {verb}" + (f". Did you mean `headway {near[0]}`?" if near else "")


def _fault(error: Exception) -> str:
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
    return problem(f"a fault in headway: {type(error).__name__}: {said[0] if said else ''}", where)
