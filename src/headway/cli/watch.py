"""Look again and again: drawn anew on a terminal, one block after another elsewhere.

Costs headwayd one request per look. One that is not there is waited for: what was seen last stays,
and it is said since when nobody answers.
"""

import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import click

from headway.cli.client import Client
from headway.cli.duration_option import Duration
from headway.cli.screen import Screen, Woken, screen
from headway.cli.session import Session
from headway.cli.show import clean, dim, is_terminal, shorten, width
from headway.cli.trouble import Trouble

INTERVAL_S_MIN, INTERVAL_S_MAX = 1.0, 86_400.0
ANSWER_S = 5.0
GONE_SHOWN_MAX = 5
FINAL = ("denied", "no-token", "bad-request")  # looking again would not help

interval = click.option(
    "--interval",
    "interval_s",
    type=Duration(min_s=INTERVAL_S_MIN, max_s=INTERVAL_S_MAX),
    default="1s",
    show_default=True,
    help="How often to look with --watch; at least 1s.",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched, and how it looks."""

    path: str
    lines: Callable[[Any, Collection[str] | None, int | None], list[str]]  # …, changed, at most
    rows: Callable[[Any], dict[str, str]]  # what to compare, by name


@dataclass(slots=True)
class Memory:
    """What was seen so far, and what that means for how it is shown."""

    seen: Any = None
    at: datetime | None = None
    rows: dict[str, str] | None = None
    changed: frozenset[str] = field(default_factory=frozenset)
    gone: tuple[str, ...] = ()
    trouble: Trouble | None = None
    since: datetime | None = None  # when nobody answered first

    def take(self, seen: Any, rows: dict[str, str], now: datetime) -> None:
        before = rows if self.rows is None else self.rows
        self.changed = frozenset(name for name, row in rows.items() if before.get(name) != row)
        self.gone = tuple(name for name in before if name not in rows)
        self.seen, self.rows, self.at = seen, rows, now
        self.trouble = self.since = None

    def miss(self, trouble: Trouble, now: datetime) -> None:
        self.trouble, self.since = trouble, self.since or now
        self.changed, self.gone = frozenset(), ()


def watching(session: Session, subject: Subject, *, interval_s: float) -> None:
    """Until Ctrl-C, or q on a terminal."""
    memory = Memory()
    with contextlib.closing(session.client.impatient(answer_s=ANSWER_S)) as client:
        if is_terminal() and not session.json:
            with screen() as drawn:
                _draw_on(drawn, client, subject, memory, interval_s)
            return
        while True:
            began_s = time.monotonic()
            _look(client, subject, memory)
            if session.json:
                session.print_json_line(memory.trouble.body() if memory.trouble else memory.seen)
            else:
                click.echo("\n".join([*_block(subject, memory), ""]))
            time.sleep(max(0.0, began_s + interval_s - time.monotonic()))


def _draw_on(
    drawn: Screen, client: Client, subject: Subject, memory: Memory, interval_s: float
) -> None:
    while True:
        next_s = time.monotonic() + interval_s
        _look(client, subject, memory)
        woken = Woken.BY_SIZE
        while woken is Woken.BY_SIZE:
            drawn.draw(_page(subject, memory, interval_s, drawn.lines_max))
            woken = drawn.pause(next_s)
        if woken is Woken.BY_KEY:
            return


def _look(client: Client, subject: Subject, memory: Memory) -> None:
    try:
        seen = client.get(subject.path)
    except Trouble as trouble:
        if trouble.code in FINAL:
            raise
        memory.miss(trouble, _now())
    else:
        memory.take(seen, subject.rows(seen), _now())


def _block(subject: Subject, memory: Memory) -> list[str]:
    """Elsewhere than on a terminal: a moment, and what was seen then."""
    head = f"--- {_now().isoformat(timespec='seconds')}"
    if memory.trouble is not None:
        return [head, _silence(memory)]
    return [head, *subject.lines(memory.seen, memory.changed, None), *_gone(memory)]


def _page(subject: Subject, memory: Memory, interval_s: float, lines_max: int) -> list[str]:
    head = dim(f"{_now():%H:%M:%S}  every {interval_s:g} s, * changed, q ends")
    lines = [head]
    if memory.trouble is not None:
        lines.append(click.style(shorten(_silence(memory), width() or 80), fg="red"))
        if memory.at is not None:
            lines.append(dim(f"as it was at {memory.at:%H:%M:%S}:"))
    if memory.seen is not None:
        room = lines_max - len(lines) - len(_gone(memory))
        lines += [*subject.lines(memory.seen, memory.changed, room), *_gone(memory)]
    return lines


def _silence(memory: Memory) -> str:
    assert memory.trouble is not None
    assert memory.since is not None
    if memory.trouble.code == "unreachable":
        return f"headwayd is not reachable since {memory.since:%H:%M:%S}, trying"
    return f"{clean(memory.trouble.error)}, since {memory.since:%H:%M:%S}, trying"


def _gone(memory: Memory) -> list[str]:
    if not memory.gone:
        return []
    names = ", ".join(memory.gone[:GONE_SHOWN_MAX])
    more = len(memory.gone) - GONE_SHOWN_MAX
    return [clean(f"*  gone: {names}" + (f" and {more} more" if more > 0 else ""))]


def _now() -> datetime:
    return datetime.now().astimezone()
