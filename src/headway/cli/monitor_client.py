"""The monitor's socket, with the standard library alone: imports are paid for at every call."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from headway.api.address import monitor_socket_path, short, socket_path
from headway.cli.trouble import Trouble
from headway.model.errors import HeadwayError

ANSWER_S_MAX = 90.0  # the monitor gives up after 60 s and says so
ANSWER_BYTES_MAX = 256 << 20
COMES_BACK_S = 6.0  # one that was killed, or is about to be started
TRY_EVERY_S = 0.1
CODES = {"bad_data": "bad-request", "execution": "bad-request"}


def ask(home: Path, path: str, form: Mapping[str, str]) -> Mapping[str, Any]:
    """The whole answer of `/api/v1` + path; Trouble when there is none."""
    try:
        try:
            answer = _asked(home, path, form)
        except (ConnectionError, http.client.RemoteDisconnected):
            answer = _asked(home, path, form)  # it has just ended; looking again does no harm
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Trouble(
            "unreachable",
            f"headway-monitor gave no answer: {error or type(error).__name__}",
            remedy=f"it comes back by itself; its log is {home}/headway-monitor.log",
        ) from error
    if answer.get("status") != "success":
        kind = str(answer.get("errorType", ""))
        raise Trouble(CODES.get(kind, "failed"), str(answer.get("error", "no answer")))
    return dict(answer)


def _asked(home: Path, path: str, form: Mapping[str, str]) -> Any:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = _connected(home)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"/api/v1{path}", urlencode(form), headers)
        return json.loads(connection.getresponse().read(ANSWER_BYTES_MAX))


def _connected(home: Path) -> socket.socket:
    until_s = time.monotonic() + COMES_BACK_S
    while True:
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.settimeout(ANSWER_S_MAX)
        try:
            with short(monitor_socket_path(home)) as name:
                unix.connect(name)
        except (OSError, HeadwayError) as error:
            unix.close()
            is_denied = isinstance(error, PermissionError)
            if is_denied or not socket_path(home).exists() or time.monotonic() > until_s:
                raise _not_there(home, error) from error
            time.sleep(TRY_EVERY_S)
        else:
            return unix


def _not_there(home: Path, error: Exception) -> Trouble:
    path = monitor_socket_path(home)
    if isinstance(error, PermissionError):
        return Trouble(
            "denied",
            f"this user may not use headway-monitor at {path}",
            remedy="run the command as the user who runs headwayd, or as root",
        )
    return Trouble(
        "unreachable",
        f"headway-monitor is not running (nobody answers at {path})",
        remedy="headway up starts it with whatever it is to watch; headway status says what runs",
    )
