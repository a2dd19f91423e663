"""`24h`, `90s`, `1500ms`: a time with its unit, as in a description."""

import math
import re

import click

UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)", re.ASCII)


class Duration(click.ParamType[float]):
    name = "duration"

    def __init__(self, *, min_s: float = 0.0, max_s: float = math.inf) -> None:
        self._min_s = min_s
        self._max_s = max_s

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        found = WRITTEN.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} needs a number and a unit: 90s, 5m, 24h, 2d", param, ctx)
        seconds = float(found[1]) * UNIT_S[found[2]]
        if not 0 < seconds <= self._max_s:
            most = "" if math.isinf(self._max_s) else f" and at most {self._max_s / 86_400:g}d"
            self.fail(f"{value!r} must be more than nothing{most}", param, ctx)
        if seconds < self._min_s:
            self.fail(f"{value!r} must be at least {self._min_s:g}s", param, ctx)
        return seconds
