"""JSON lines on stdout: one for each request, and what else the SDK has to say.

A log that cannot be written is given up: a reader that went away must not fail requests.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from headway_sdk.masking import Mask
from headway_sdk.request import Request, current_id

TEXT_CHARS_MAX = 8192

_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode  # made once: it is dear


def stamp(at_s: float) -> str:
    """RFC 3339 with milliseconds, in UTC."""
    at = datetime.fromtimestamp(at_s, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonLog:
    def __init__(self, *, replica: str, out: TextIO | None = None) -> None:
        self._replica = replica
        self._out: TextIO | None = out if out is not None else sys.stdout

    def request(self, request: Request) -> None:
        fields: dict[str, object] = {
            "method": request.method,
            "path": request.path,
            "status": request.status,
            "ms": round(request.took_s * 1000, 2),
            "request_id": request.id,
        }
        if request.error:
            fields["error"] = request.error
        self.write(request.at_s, "error" if request.failed else "info", "request", fields)

    def write(self, at_s: float, level: str, msg: str, fields: Mapping[str, object]) -> None:
        if self._out is None:
            return
        said = {"ts": stamp(at_s), "level": level, "msg": msg, **fields, "replica": self._replica}
        try:
            self._out.write(_encode(said) + "\n")
            self._out.flush()
        except (OSError, ValueError):
            self._out = None


class JsonHandler(logging.Handler):
    """Records of `logging` as such lines, without any secret that is known to be one."""

    def __init__(self, log: JsonLog, mask: Mask) -> None:
        super().__init__()
        self._log = log
        self._mask = mask

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, object] = {"logger": record.name}
            own = getattr(record, "headway", None)  # from `traced`: already fit to be shown
            if isinstance(own, dict):
                msg = "traced"
                fields |= own
            else:
                msg = self._mask.text(record.getMessage())[:TEXT_CHARS_MAX]
            if current_id.get():
                fields["request_id"] = current_id.get()
            if record.exc_info and record.exc_info[0] is not None:
                text = "".join(traceback.format_exception(*record.exc_info))
                fields["traceback"] = self._mask.text(text)[-TEXT_CHARS_MAX:]
            self._log.write(record.created, record.levelname.lower(), msg, fields)
        except Exception:  # noqa: BLE001 - a line that cannot be made must not fail a request
            self.handleError(record)
