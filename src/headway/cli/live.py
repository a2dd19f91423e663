"""Names to complete with, as the running headwayd knows them: at once, or none.

Never starts headwayd, never waits long, never says what went wrong: somebody is just typing.
"""

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import click
from click.shell_completion import CompletionItem

from headway.api.address import default_home
from headway.cli.client import NAME, Client, environment_path
from headway.cli.remote import remote_of

WITHIN_S = 0.3
NAMES_MAX = 200
SITE_FILE = Path("site.yaml")
SITE_FILE_BYTES_MAX = 1024 * 1024
SITE_LINE = re.compile(r"^site:[ \t]*[\"']?([a-z0-9-]+)", re.MULTILINE)
ENVIRONMENTS = re.compile(
    r"^environments:[ \t]*(?:#.*)?\n((?:[ \t]+.*\n|[ \t]*(?:#.*)?\n)*)", re.MULTILINE
)
ENVIRONMENT = re.compile(r"^( +)([a-z0-9-]+):", re.MULTILINE)

Names = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]


def names(find: Callable[[Client, click.Context], Iterable[str]]) -> Names:
    """What click asks for, from a function that may ask headwayd."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        del param
        found: list[str] = []
        with contextlib.suppress(Exception), _soon():
            place = ctx.params.get("home")
            home = Path(place or default_home(os.environ)).absolute()
            remote = None if place else remote_of(os.environ)
            with contextlib.closing(Client(home, remote, patience_s=0.0)) as client:
                found = [name for name in find(client, ctx) if NAME.fullmatch(name)]
        fitting = sorted({name for name in found if name.startswith(incomplete)})
        return [CompletionItem(name) for name in fitting[:NAMES_MAX]]

    return complete


@contextlib.contextmanager
def _soon() -> Iterator[None]:
    """Over after `WITHIN_S`, whatever headwayd is doing."""

    def over(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, WITHIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def site_here() -> str | None:
    """The name in ./site.yaml, without the price of a YAML parser."""
    found = SITE_LINE.search(_text_here())
    return found[1] if found else None


def _text_here() -> str:
    try:
        if SITE_FILE.stat().st_size > SITE_FILE_BYTES_MAX:
            return ""
        return SITE_FILE.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _environments_here() -> set[str]:
    """Those that ./site.yaml describes in the usual way, one below the other."""
    block = ENVIRONMENTS.search(_text_here())
    found = ENVIRONMENT.findall(block[1]) if block else []
    return {name for indent, name in found if indent == found[0][0]}


def _sites(client: Client, _: click.Context) -> Iterable[str]:
    return (one["id"]["site"] for one in client.get("/environments"))


def _environments(client: Client, ctx: click.Context) -> Iterable[str]:
    yield "production"
    yield from _environments_here()
    site = ctx.params.get("site")
    with contextlib.suppress(Exception):
        for one in client.get("/environments"):
            if site in (None, one["id"]["site"]):
                yield one["id"]["name"]


def _status(client: Client, ctx: click.Context) -> Any:
    """Of the environment that the command would be about, or of the first that fits."""
    env = ctx.params.get("env") or "production"
    running = [one["id"]["site"] for one in client.get("/environments") if one["id"]["name"] == env]
    here = ctx.params.get("site") or site_here()
    site = next((name for name in running if name == here), running[0])
    return client.get(environment_path(site, env))


def _services(client: Client, ctx: click.Context) -> Iterable[str]:
    return (service["name"] for service in _status(client, ctx)["services"])


def _replicas(client: Client, ctx: click.Context) -> Iterable[str]:
    return (r["id"] for service in _status(client, ctx)["services"] for r in service["replicas"])


def _services_and_replicas(client: Client, ctx: click.Context) -> Iterable[str]:
    for service in _status(client, ctx)["services"]:
        yield service["name"]
        yield from (replica["id"] for replica in service["replicas"])


def _tokens(client: Client, _: click.Context) -> Iterable[str]:
    return (token["name"] for token in client.get("/tokens"))


def _kinds(client: Client, _: click.Context) -> Iterable[str]:
    return (e["event"]["kind"] for e in client.get("/events", {"limit": 500})["events"])


site_names = names(_sites)
environment_names = names(_environments)
service_names = names(_services)
replica_names = names(_replicas)
log_names = names(_services_and_replicas)
token_names = names(_tokens)
kind_names = names(_kinds)
