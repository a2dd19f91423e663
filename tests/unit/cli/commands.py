"""Every command there is, and a way to call each; a new one without it fails the tests."""

from collections.abc import Iterator

import click
import pytest

from headway.cli.main import VERBS, headway

# Words after which each command has something to say, in a folder with a site.yaml whose site runs.
CALLS: dict[str, list[tuple[str, ...]]] = {
    "init": [("--yes", "--file", "new.yaml")],
    "check": [(), ("--expand",)],
    "fmt": [(), ("--check",)],
    "plan": [()],
    "diff": [("production", "production")],
    "up": [()],
    "status": [(), ("--replicas",), ("--all",)],
    "envs": [()],
    "why": [("ads",)],
    "logs": [("ads",)],
    "events": [(), ("--all",)],
    "query": [("up",)],
    "scale": [("ads", "4"), ("ads", "4", "--no-wait")],
    "restart": [("ads",)],
    "drain": [("ads-0",)],
    "log-level": [("ads", "debug")],
    "envoy replace": [(), ("--no-wait",)],
    "down": [()],
    "backup": [("{tmp}/journal.db",)],
    "restore": [("{tmp}/journal.db",)],
    "upgrade": [()],
    "doctor": [()],
    "explain": [("HW001",)],
    "schema": [()],
    "token create": [("ci", "--role", "viewer", "--for", "1d")],
    "token list": [()],
    "token revoke": [("ci",)],
    "api openapi": [()],
    "completion": [("bash",)],
    "version": [()],
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """`token create` and all the others, by their whole name."""
    context = click.Context(headway)
    for verb in VERBS:
        command = headway.get_command(context, verb)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{verb} {name}", leaf) for name, leaf in command.commands.items())
        else:
            yield verb, command


COMMANDS = dict(commands())


def of_straw(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon of straw never goes on as another program, has no keepers and no monitor."""
    monkeypatch.setattr("headway.cli.restore.until_succeeded", lambda *_: None)
    monkeypatch.setattr("headway.cli.upgrade.until_succeeded", lambda _, before: before)
    renewed = {"shop/production keeper": "0.0.0"}
    monkeypatch.setattr("headway.cli.upgrade._until_renewed", lambda *_: renewed)
    monkeypatch.setattr("headway.cli.monitor_client.COMES_BACK_S", 0.0)
