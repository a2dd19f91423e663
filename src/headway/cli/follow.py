"""Watching headwayd work: look again and again, show progress, know when to stop looking."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click

from headway.cli.session import Session
from headway.cli.show import (
    COLOUR_OF_PHASE,
    clean,
    dim,
    duration,
    is_terminal,
    shorten,
    width,
)
from headway.cli.trouble import Trouble

LOOK_EVERY_S = 0.15
SILENCE_S_MAX = 8.0
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FAILURE_PATIENCE_S = 5.0  # how long others may still become ready after one has failed
COUNT_WIDTH = 5  # "42/42"


@dataclass(frozen=True, slots=True)
class Look:
    status: Any
    after_s: float


def looks(session: Session, path: str, *, limit_s: float) -> Iterator[Look]:
    """The environment's status, several times a second, until the limit."""
    started = heard_at = time.monotonic()
    while True:
        try:
            status = session.client.get(path)
        except Trouble as trouble:
            # A headwayd that was killed comes back by itself, and what it does goes on.
            if trouble.code != "unreachable" or time.monotonic() - heard_at > SILENCE_S_MAX:
                raise
            time.sleep(LOOK_EVERY_S)
            continue
        heard_at = time.monotonic()
        after_s = heard_at - started
        yield Look(status, after_s)
        if after_s >= limit_s:
            return
        time.sleep(LOOK_EVERY_S)


@contextlib.contextmanager
def may_be_interrupted(session: Session) -> Iterator[None]:
    """Ctrl-C ends the looking, not the work."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if is_terminal() and not session.json:
            click.echo("\r\x1b[2K", nl=False)  # the moving line and the ^C on it
        raise Trouble(
            "interrupted",
            "interrupted; it goes on in the background",
            remedy=f"{session.hint('status')} shows how it goes",
        ) from interrupt


class Progress:
    """A line for everything that is done, and on a terminal one moving line for what is not."""

    def __init__(self, session: Session, names: list[str]) -> None:
        # Standard output belongs to the JSON; somebody who sits there still sees how it goes.
        self._err = session.json
        self._moves = is_terminal(sys.stderr if session.json else sys.stdout)
        self._quiet = session.json and not self._moves
        self._name_width = max([9, *(len(name) for name in names)])
        self._told: set[str] = set()
        self._turn = 0

    def say(self, mark: str, name: str, text: str) -> None:
        if self._quiet:
            return
        self.wipe()
        colour = {"ok": "green", "FAILED": "red", "warn": "yellow"}.get(mark)
        padding = " " * max(0, 2 - len(mark))
        label = click.style(mark, fg=colour, bold=mark == "FAILED")
        line = f"  {label}{padding}  {name:<{self._name_width}}  {clean(text)}".rstrip()
        click.echo(line, err=self._err)

    def service(self, service: Mapping[str, Any], after_s: float) -> None:
        """Say once that a service is there."""
        name = service["name"]
        if name in self._told or not service["settled"]:
            return
        self._told.add(name)
        self.say("ok", name, f"{count(service):>{COUNT_WIDTH}}  {duration(after_s)}")

    def moving(self, look: Look, services: list[Mapping[str, Any]]) -> None:
        """What is still waited for, in a line that does not stay."""
        waiting = [f"{s['name']} {count(s)}{_busy(s)}" for s in services if not s["settled"]]
        self.moving_text(", ".join(waiting) or "traffic", look)

    def moving_text(self, text: str, look: Look) -> None:
        if not self._moves:
            return
        self._turn += 1
        line = f"  {SPINNER[self._turn % len(SPINNER)]}   {text}  {duration(look.after_s)}"
        shown = dim(shorten(clean(line), (width() or 80) - 1))
        click.echo("\r\x1b[2K" + shown, nl=False, err=self._err)

    def wipe(self) -> None:
        if self._moves:
            click.echo("\r\x1b[2K", nl=False, err=self._err)


def count(service: Mapping[str, Any]) -> str:
    return f"{service['ready_count']}/{service['desired_count']}"


def wait_for_service(session: Session, path: str, name: str, *, limit_s: float) -> Any:
    """Until this service is settled or has failed; returns how it is then."""
    progress = Progress(session, [name])
    service: Any = None
    with may_be_interrupted(session):
        for look in looks(session, path, limit_s=limit_s):
            service = next((s for s in look.status["services"] if s["name"] == name), None)
            if service is None:
                raise Trouble("not-found", f"{name} is gone", remedy=session.hint("status"))
            progress.service(service, look.after_s)
            if service["settled"] or service["failed"]:
                progress.wipe()
                return service
            progress.moving(look, [service])
    progress.wipe()
    raise not_settled(session, f"{name} {count(service)}", limit_s)


def not_settled(session: Session, what: str, limit_s: float) -> Trouble:
    return Trouble(
        "not-settled",
        f"not done within {limit_s:g} s: {what}; it goes on in the background",
        remedy=f"{session.hint('status')} shows how it goes, --wait 5m waits longer",
    )


def _busy(service: Mapping[str, Any]) -> str:
    """` (2 starting, 1 draining)`: what is neither ready nor failed."""
    phases = service["phases"]
    parts = [f"{phases[p]} {p}" for p in COLOUR_OF_PHASE if p != "ready" and phases.get(p)]
    return f" ({', '.join(parts)})" if parts else ""
