"""One JSON line on stdout for every request."""

import json
import sys
from datetime import UTC, datetime
from typing import TextIO

from headway_sdk.request import Request


def line(request: Request, *, replica: str) -> str:
    at = datetime.fromtimestamp(request.at_s, UTC)
    fields: dict[str, object] = {
        "ts": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": "error" if request.failed else "info",
        "msg": "request",
        "method": request.method,
        "path": request.path,
        "status": request.status,
        "ms": round(request.took_s * 1000, 2),
        "request_id": request.id,
        "replica": replica,
    }
    if request.error:
        fields["error"] = request.error
    return json.dumps(fields, separators=(",", ":"))


class RequestLog:
    """A log that cannot be written is given up: a reader that went away must not fail requests."""

    def __init__(self, *, replica: str, out: TextIO | None = None) -> None:
        self._replica = replica
        self._out: TextIO | None = out if out is not None else sys.stdout

    def write(self, request: Request) -> None:
        if self._out is None:
            return
        try:
            self._out.write(line(request, replica=self._replica) + "\n")
            self._out.flush()
        except (OSError, ValueError):
            self._out = None
