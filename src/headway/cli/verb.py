"""What the help of every command promises: a sentence, options with their defaults, examples that
are tested, and how it may end.
"""

from collections.abc import Sequence
from typing import Any

import click

from headway.cli.trouble import MEANING, Exit

LOCAL = (Exit.DONE, Exit.FAILED, Exit.INVALID)  # asks nobody
ASKING = (*LOCAL, Exit.DENIED, Exit.UNREACHABLE)
COMMON = ("home", "env", "site", "output", "no_color")  # what `common` gives to every command


class Verb(click.Command):
    """A command with examples."""

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        exits: Sequence[Exit] = ASKING,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)
        self.exits = (*sorted(exits), Exit.INTERRUPTED)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                (common if parameter.name in COMMON else own).append(record)
        for title, records in (("Options", own), ("Options of every command", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), MEANING[code]) for code in self.exits])
        super().format_epilog(ctx, formatter)
