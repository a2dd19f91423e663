"""The options every command has, and what they add up to: one `Session`.

`@common` also ends every command the same way: bad news is shown in the shape that was asked for,
and becomes an exit code.
"""

import contextlib
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from headway.api.address import default_home
from headway.cli.client import Client, environment_path
from headway.cli.live import environment_names, site_here, site_names
from headway.cli.remote import remote_of
from headway.cli.show import as_json
from headway.cli.tell import tell
from headway.cli.trouble import Exit, Trouble
from headway.model.errors import HeadwayError, SiteError

Command = Callable[..., Exit | None]


@dataclass(frozen=True, slots=True)
class Session:
    home: Path
    env: str
    site: str | None  # as asked for; `where` finds it otherwise
    json: bool
    client: Client

    def print_json(self, answer: Any) -> None:
        click.echo(as_json(answer))

    def print_json_line(self, answer: Any) -> None:
        click.echo(as_json(answer, indent=None))

    def where(self) -> tuple[str, str]:
        """Site and environment: as asked for, as in ./site.yaml, or the only one there is."""
        return self.site or self._guessed_site(), self.env

    def path(self, *rest: str) -> str:
        return environment_path(*self.where(), *rest)

    def of(self, env: str) -> "Session":
        """For another environment of the same description."""
        return replace(self, env=env)

    def about(self, site: str) -> "Session":
        """For this site; later hints name it where a command could not guess it."""
        guessed = site_here()
        if self.site is None and guessed != site:
            running = {e["id"]["site"] for e in self.client.get("/environments")} | {site}
            if guessed in running or len(running) > 1:
                return replace(self, site=site)
        return self

    def hint(self, command: str) -> str:
        """A next command that works as it stands: with the options of this one."""
        words = ["headway", command]
        if self.site:
            words.append(f"--site {self.site}")
        if self.env != "production":
            words.append(f"--env {self.env}")
        return " ".join(words)

    def _guessed_site(self) -> str:
        running = sorted({e["id"]["site"] for e in self.client.get("/environments")})
        here = site_here()
        if here is not None and (here in running or not running):
            return here
        match running:
            case [only]:
                return str(only)
            case []:
                raise Trouble("not-found", "nothing is running", remedy="headway up site.yaml")
            case _:
                raise Trouble(
                    "ambiguous",
                    f"{len(running)} sites are running: {', '.join(running)}",
                    remedy="say which one with --site NAME; headway status --all lists them",
                )


def common(command: Command) -> Callable[..., int]:
    """The options of every command, and the one way they all end."""

    @click.option(
        "--home",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="State folder.  [HEADWAY_HOME]",
    )
    @click.option(
        "--env",
        metavar="NAME",
        default="production",
        show_default=True,
        help="Environment.",
        shell_complete=environment_names,
    )
    @click.option(
        "--site", metavar="NAME", help="Site, when there are several.", shell_complete=site_names
    )
    @click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="For people or for programs.",
    )
    @click.option("--no-color", is_flag=True, help="Plain text.  [NO_COLOR]")
    @functools.wraps(command)
    def run(
        *args: Any,
        home: Path | None,
        env: str,
        site: str | None,
        output: str,
        no_color: bool,
        **options: Any,
    ) -> int:
        if no_color:
            click.get_current_context().color = False
        in_json = output == "json"
        try:
            place = (home or default_home(os.environ)).absolute()
            # A home that is asked for here and now is on this machine.
            remote = None if home else remote_of(os.environ)
            with contextlib.closing(Client(place, remote)) as client:
                session = Session(place, env, site, in_json, client)
                return command(session, *args, **options) or Exit.DONE
        except HeadwayError as error:
            code = "site" if isinstance(error, SiteError) else "failed"
            return tell(Trouble(code, str(error), remedy=error.remedy), in_json=in_json)
        except Trouble as trouble:
            return tell(trouble, in_json=in_json)
        except PermissionError as error:
            return tell(_not_ours(error), in_json=in_json)

    return run


def _not_ours(error: PermissionError) -> Trouble:
    return Trouble(
        "denied",
        f"this user may not look at {error.filename}",
        remedy="run the command as the user it belongs to, or choose another folder with --home",
    )
