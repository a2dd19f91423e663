"""The API over its Unix socket, or elsewhere with a token, with nothing but the standard library:
every import is paid for at every call.
"""

import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from headway.api.address import short, socket_path
from headway.cli.remote import Remote
from headway.cli.trouble import Trouble
from headway.model.errors import HeadwayError

PREFIX = "/api/v1"
ANSWER_S_MAX = 20.0  # headwayd gives up after 15 s and says so
COMES_BACK_S = 8.0  # how long a killed headwayd may need until its keepers have it back
TRY_EVERY_S = 0.1
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
TOO_OFTEN, PATIENCE, WAIT_S_MAX = 429, 3, 5  # such a request was not heard, so it is safe to repeat
ANSWER_BYTES_MAX = 64 * 1024 * 1024


class Client:
    def __init__(
        self,
        home: Path,
        remote: Remote | None = None,
        *,
        patience_s: float = COMES_BACK_S,
        answer_s: float = ANSWER_S_MAX,
    ) -> None:
        self._home = home
        self._remote = remote
        self._patience_s = patience_s
        self._answer_s = answer_s
        self._connection: http.client.HTTPConnection | None = None

    @property
    def is_remote(self) -> bool:
        """Files, processes and ports of this machine are not headwayd's."""
        return self._remote is not None

    def impatient(self, *, answer_s: float) -> "Client":
        """For who asks again soon: says at once that headwayd is not there."""
        return Client(self._home, self._remote, patience_s=0.0, answer_s=answer_s)

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        wanted = {k: v for k, v in (query or {}).items() if v is not None}
        return self._ask("GET", f"{path}?{urlencode(wanted)}" if wanted else path, None)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        return self._ask("POST", path, json.dumps(body or {}))

    def reachable(self) -> bool:
        """Does somebody listen at this moment?"""
        try:
            self._connect(patience_s=0.0).close()
        except Trouble:
            return False
        return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: str | None) -> Any:
        kept = self._connection is not None
        try:
            return self._ask_once(method, path, body)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            # A kept connection may have been closed meanwhile. Only looking is done again: a
            # request that changes something may have been heard.
            if kept and method == "GET":
                return self._ask(method, path, body)
            raise self._lost(error) from error

    def _ask_once(self, method: str, path: str, body: str | None) -> Any:
        if self._connection is None:
            self._connection = self._connect(patience_s=self._patience_s)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self._remote is not None:
            headers["Authorization"] = f"Bearer {self._remote.token}"
        for patience in range(PATIENCE, -1, -1):
            self._connection.request(method, PREFIX + path, body=body, headers=headers)
            response = self._connection.getresponse()
            raw = response.read(ANSWER_BYTES_MAX)
            wait = response.headers.get("Retry-After", "")
            if response.status != TOO_OFTEN or not patience or not wait.isdecimal():
                break
            time.sleep(min(int(wait), WAIT_S_MAX))
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        if response.status >= 400 or answer is None:
            raise _refused(method, path, response.status, answer)
        return answer

    def _connect(self, *, patience_s: float) -> http.client.HTTPConnection:
        """A socket nobody listens at is what a killed headwayd leaves: it comes back by itself."""
        if self._remote is not None:
            try:
                return self._remote.connect(self._answer_s)
            except OSError as error:
                raise _out_of_reach(self._remote, error) from error
        deadline = time.monotonic() + patience_s
        while True:
            unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            unix.settimeout(self._answer_s)
            try:
                with short(socket_path(self._home)) as name:
                    unix.connect(name)
            except (OSError, HeadwayError) as error:
                unix.close()
                if not isinstance(error, ConnectionRefusedError) or time.monotonic() > deadline:
                    raise _unreachable(self._home, error) from error
                time.sleep(TRY_EVERY_S)
                continue
            connection = http.client.HTTPConnection("localhost")
            connection.sock = unix
            return connection

    def _lost(self, error: Exception) -> Trouble:
        if self._remote is not None:
            return _out_of_reach(self._remote, error)
        return _lost(self._home, error, self._answer_s)


def environment_path(site: str, name: str, *rest: str) -> str:
    """`/environments/search/production/…`; what cannot be a name is refused here."""
    for part in (site, name, *rest):
        if NAME.fullmatch(part) is None:
            raise Trouble(
                "bad-request",
                f"`{part}` cannot be a name",
                remedy="names have a-z, 0-9 and `-`; headway status --all lists what runs",
            )
    return "/".join(("/environments", site, name, *rest))


def _unreachable(home: Path, error: Exception) -> Trouble:
    path = socket_path(home)
    if isinstance(error, PermissionError):
        return Trouble(
            "denied",
            f"this user may not use headwayd at {path}",
            remedy="run the command as the user who runs headwayd, or as root",
        )
    return Trouble(
        "unreachable",
        f"headwayd is not running (nobody answers at {path})",
        remedy="headway up starts it; what it started keeps running without it",
    )


def _out_of_reach(remote: Remote, error: Exception) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = f"its certificate is not trusted: {error.verify_message}"
        return Trouble(
            "unreachable",
            f"{remote.url}: {said}",
            remedy="HEADWAY_CA names a PEM file with the authority that signed it",
        )
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Trouble(
        "unreachable",
        f"no headwayd answers at {remote.url}: {said}",
        remedy="is that HEADWAY_URL right, and does `listen` stand in headwayd.toml over there?",
    )


def _lost(home: Path, error: Exception, answer_s: float) -> Trouble:
    if isinstance(error, TimeoutError):
        return Trouble(
            "unreachable",
            f"headwayd does not answer within {answer_s:g} s",
            remedy=f"look at the end of {home}/headwayd.log; the services run on without it",
        )
    return Trouble(
        "unreachable",
        f"headwayd ended the connection: {error or type(error).__name__}",
        remedy=f"look at the end of {home}/headwayd.log, then: headway up",
    )


def _refused(method: str, path: str, status: int, answer: Any) -> Trouble:
    if isinstance(answer, dict) and {"code", "error", "remedy"} <= answer.keys():
        return Trouble(str(answer["code"]), str(answer["error"]), remedy=str(answer["remedy"]))
    return Trouble(
        "failed",
        f"headwayd answered {method} {path} with {status} and nothing readable",
        remedy="it may be busy or of another version: headway version, then try again",
    )
