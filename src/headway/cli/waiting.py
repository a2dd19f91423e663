"""The options of verbs that wait: `--wait 5m`, `--no-wait` and `--reason`."""

from collections.abc import Callable
from typing import Any

import click

from headway.cli.duration_option import Duration


def waiting(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--no-wait", is_flag=True, help="Return as soon as it was accepted."),
        click.option(
            "--wait", "wait_s", type=Duration(), default="5m", show_default=True, help="How long."
        ),
        click.option("--reason", default="", help="Why; others will read it."),
    ):
        command = option(command)
    return command
