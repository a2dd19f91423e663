"""One request, from its first line to its last byte, and what is remembered of it."""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

PATH_CHARS_MAX = 512
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")  # anything else from outside is not passed on

current_id: ContextVar[str] = ContextVar("headway_request_id", default="")


def request_id() -> str:
    """The id of the request that is being answered here, to be sent along with every call."""
    return current_id.get()


def id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's `x-request-id`, or a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return value.decode("ascii")
    return secrets.token_hex(16)


@dataclass(slots=True)
class Request:
    id: str
    at_s: float  # wall clock, for people
    method: str
    path: str  # never the query: it is what users typed
    status: int = 0  # 0: not answered yet
    took_s: float = 0.0
    error: str = ""  # the kind of exception, never its text

    @property
    def status_class(self) -> str:
        return f"{self.status // 100}xx"

    @property
    def failed(self) -> bool:
        return self.status >= 500 or bool(self.error)

    def as_json(self) -> dict[str, object]:
        seen: dict[str, object] = {
            "at_s": round(self.at_s, 3),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": round(self.took_s * 1000, 2),
            "request_id": self.id,
        }
        return seen | {"error": self.error} if self.error else seen
