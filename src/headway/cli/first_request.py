"""The first request through Envoy: the proof that users get an answer."""

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE_S = 3.0  # a listener may need a moment after its configuration was taken
REQUEST_S_MAX = 5.0
TRY_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    took_ms: float

    @property
    def good(self) -> bool:
        return self.status < 500

    def text(self, budget_s: float | None) -> str:
        budget = f" (budget {budget_s * 1000:g} ms)" if budget_s else ""
        return f"first request through Envoy: {self.status} in {self.took_ms:.0f} ms{budget}"


@dataclass(frozen=True, slots=True)
class NotAnswered:
    reason: str


def first_request(url: str) -> Answered | NotAnswered:
    """Asks until somebody listens, and then once."""
    where = urlsplit(url)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return _ask(where.hostname or "localhost", where.port or 80, where.path or "/")
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > deadline:
                return NotAnswered(str(error) or type(error).__name__)
            time.sleep(TRY_EVERY_S)


def _ask(host: str, port: int, path: str) -> Answered:
    connection = http.client.HTTPConnection(host, port, timeout=REQUEST_S_MAX)
    try:
        started = time.monotonic()
        connection.request("GET", path, headers={"User-Agent": "headway up"})
        response = connection.getresponse()
        response.read(64 * 1024)
        return Answered(response.status, (time.monotonic() - started) * 1000)
    finally:
        connection.close()
