"""What a request asks for, out of its parameters. Whatever cannot be understood is said at once."""

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import promql_parser as syntax
from starlette.requests import Request

from headway.monitoring.promql.evaluate import STEPS_MAX, parse
from headway.monitoring.promql.selectors import matchers
from headway.monitoring.series import Matcher

FORM_BYTES_MAX = 1 << 20
PARAMETERS_MAX = 1000
# As far as Python's dates go; nothing was measured outside of it.
TIME_S_MAX = 253_402_300_799.0
UNITS_MS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+", re.ASCII)
PART = re.compile(r"(\d+)(ms|[smhdwy])", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# RFC 3339 allows any number of digits behind the point; Python reads six.
FRACTION = re.compile(r"(\.\d{6})\d+")


class BadDataError(ValueError):
    """A parameter that makes no sense."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Parameters of the address and of the form, in this order; the first one counts."""

    pairs: Sequence[tuple[str, str]]

    def text(self, name: str) -> str:
        found = self.all(name)
        if not found or not found[0]:
            raise BadDataError(f'invalid parameter "{name}": it is missing')
        return found[0]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def time_ms(self, name: str, default_ms: int | None = None) -> int:
        found = [text for text in self.all(name) if text]
        if not found and default_ms is not None:
            return default_ms
        return self._read(name, read_time_ms)

    def duration_ms(self, name: str, default_ms: int | None = None) -> int:
        found = [text for text in self.all(name) if text]
        if not found and default_ms is not None:
            return default_ms
        return self._read(name, read_duration_ms)

    def limit(self) -> int:
        """How many results are wanted; 0: all."""
        found = [text for text in self.all("limit") if text]
        if not found:
            return 0
        if not found[0].isascii() or not found[0].isdecimal() or len(found[0]) > 9:
            raise BadDataError(f'invalid parameter "limit": {found[0][:40]!r} is no number')
        return int(found[0])

    def matchers(self) -> list[list[Matcher]]:
        return [_selector(text) for text in self.all("match[]")]

    def _read(self, name: str, read: Callable[[str], int]) -> int:
        text = self.text(name)
        try:
            return read(text)
        except BadDataError as error:
            raise BadDataError(f'invalid parameter "{name}": {error}') from None


async def asked(request: Request) -> Asked:
    text = request.url.query
    if request.method == "POST":
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_BYTES_MAX:
                raise BadDataError(f"a form may have {FORM_BYTES_MAX >> 10} KiB")
        text = f"{text}&{body.decode(errors='replace')}"
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise BadDataError(f"a request may have {PARAMETERS_MAX} parameters") from None
    return Asked(pairs)


def now_ms() -> int:
    return round(time.time() * 1000)


def read_time_ms(text: str) -> int:
    """Seconds since 1970, or RFC 3339."""
    if NUMBER.fullmatch(text):
        seconds = float(text)
    else:
        try:
            at = datetime.fromisoformat(FRACTION.sub(r"\1", text))
        except ValueError:
            raise BadDataError(f"cannot parse {text[:40]!r} to a valid timestamp") from None
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if not abs(seconds) <= TIME_S_MAX:
        raise BadDataError(f"{text[:40]!r} is out of range")
    return round(seconds * 1000)


def read_duration_ms(text: str) -> int:
    """Seconds, or `1h30m`."""
    if NUMBER.fullmatch(text):
        found_ms = float(text) * 1000
    elif DURATION.fullmatch(text):
        found_ms = float(sum(int(n) * UNITS_MS[unit] for n, unit in PART.findall(text)))
    else:
        raise BadDataError(f"cannot parse {text[:40]!r} to a valid duration")
    if not math.isfinite(found_ms) or abs(found_ms) > TIME_S_MAX * 1000:
        raise BadDataError(f"{text[:40]!r} is out of range")
    return round(found_ms)


def expression(asked: Asked) -> str:
    """Of a range query: one value at each of its times."""
    text = asked.text("query")
    node = parse(text)
    while isinstance(node, syntax.ParenExpr):
        node = node.expr
    if isinstance(node, syntax.MatrixSelector | syntax.SubqueryExpr | syntax.StringLiteral):
        raise BadDataError(
            'invalid parameter "query": invalid expression type for range query, must be Scalar or '
            "instant Vector"
        )
    return text


def steps(asked: Asked) -> tuple[int, int, int]:
    """start, end and step of a range query, in milliseconds."""
    start_ms, end_ms = asked.time_ms("start"), asked.time_ms("end")
    if end_ms < start_ms:
        raise BadDataError('invalid parameter "end": end timestamp must not be before start time')
    step_ms = asked.duration_ms("step")
    if step_ms <= 0:
        raise BadDataError(
            'invalid parameter "step": zero or negative query resolution step widths are not '
            "accepted. Try a positive integer"
        )
    if (end_ms - start_ms) // step_ms > STEPS_MAX:
        raise BadDataError(
            f"exceeded maximum resolution of {STEPS_MAX:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return start_ms, end_ms, step_ms


def _selector(text: str) -> list[Matcher]:
    node = parse(text)
    if not isinstance(node, syntax.VectorSelector):
        raise BadDataError(f"match[] must be a series selector, not {text[:80]!r}")
    return matchers(node)
