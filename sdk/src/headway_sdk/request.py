"""One request, from its first line to its last byte, and what is remembered of it."""

import re
import secrets
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType, TracebackType

from headway_sdk.budget import BUDGET_HEADER, TOLD_HEADER, seconds_told

PATH_CHARS_MAX = 512
FRAMES_MAX = 200
LIBRARIES = ("/site-packages/", "/headway_sdk/", "/lib/python", "<frozen ")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")  # anything else from outside is not passed on
_DUE = frozenset({TOLD_HEADER.encode(), BUDGET_HEADER.encode()})

current_id: ContextVar[str] = ContextVar("headway_request_id", default="")


def request_id() -> str:
    """The id of the request that is being answered here, to be sent along with every call."""
    return current_id.get()


def told_by(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, float]:
    """The caller's `x-request-id`, or a new one; and in how many seconds the answer is due."""
    request_id, budget_s = "", 0.0
    for name, value in headers:
        if name == b"x-request-id" and _ID.fullmatch(value):
            request_id = value.decode("ascii")
        elif name in _DUE:
            told_s = seconds_told(value.decode("latin-1"))
            budget_s = min(told_s, budget_s or told_s)
    return request_id or secrets.token_hex(16), budget_s


@dataclass(slots=True)
class Request:
    id: str
    at_s: float  # wall clock, for people
    began_s: float  # steady clock
    method: str
    path: str  # never the query: it is what users typed
    status: int = 0  # 0: not answered yet
    took_s: float = 0.0
    budget_s: float = 0.0  # in which its caller should have the answer; 0: nobody said
    error: str = ""  # the kind of exception, never its text
    error_at: str = ""  # where it was raised: "search/rank.py:12 in score"

    @property
    def status_class(self) -> str:
        return f"{self.status // 100}xx"

    @property
    def failed(self) -> bool:
        return self.status >= 500 or bool(self.error)

    @property
    def late(self) -> bool:
        return 0 < self.budget_s < self.took_s

    def as_json(self) -> dict[str, object]:
        seen: dict[str, object] = {
            "at_s": round(self.at_s, 3),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": round(self.took_s * 1000, 2),
            "request_id": self.id,
        }
        return seen | {"error": self.error, "at": self.error_at} if self.error else seen


def place_of(error: BaseException) -> str:
    """Where it was raised: the innermost place in the service's own code, or else in anybody's."""
    places = list(_places(error.__traceback__))
    own = [place for place in places if not any(part in place[0] for part in LIBRARIES)]
    if not places:
        return ""
    file, line, function = (own or places)[-1]
    return f"{'/'.join(file.split('/')[-2:])}:{line} in {function}"


def _places(found: TracebackType | None) -> Iterator[tuple[str, int, str]]:
    for _ in range(FRAMES_MAX):
        if found is None:
            return
        frame: FrameType = found.tb_frame
        yield frame.f_code.co_filename, found.tb_lineno, frame.f_code.co_qualname
        found = found.tb_next
