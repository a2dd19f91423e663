"""Parts of a date (UTC) from seconds since 1970, for whole arrays at once."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from headway.monitoring.series import Floats

SECONDS_MAX = 253_402_300_799.0  # the end of year 9999


def _days(seconds: Floats) -> NDArray[np.datetime64]:
    whole = np.floor(np.clip(np.nan_to_num(seconds), -SECONDS_MAX, SECONDS_MAX))
    return whole.astype("datetime64[s]")


def _since(seconds: Floats, coarse: str, fine: str) -> Floats:
    at = _days(seconds)
    began = at.astype(f"datetime64[{coarse}]").astype(f"datetime64[{fine}]")
    return np.asarray((at.astype(f"datetime64[{fine}]") - began).astype(float))


def _year(seconds: Floats) -> Floats:
    return np.asarray(_days(seconds).astype("datetime64[Y]").astype(float) + 1970)


def _days_in_month(seconds: Floats) -> Floats:
    month = _days(seconds).astype("datetime64[M]")
    length = (month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")
    return np.asarray(length.astype(float))


def _day_of_week(seconds: Floats) -> Floats:
    # The first of January 1970 was a Thursday; Sunday is 0.
    return np.asarray((_days(seconds).astype("datetime64[D]").astype(np.int64) + 4) % 7 * 1.0)


def _known(part: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    return lambda seconds: np.where(np.isfinite(seconds), part(seconds), np.nan)


PARTS: Mapping[str, Callable[[Floats], Floats]] = {
    "minute": _known(lambda s: _since(s, "h", "m")),
    "hour": _known(lambda s: _since(s, "D", "h")),
    "day_of_week": _known(_day_of_week),
    "day_of_month": _known(lambda s: _since(s, "M", "D") + 1),
    "day_of_year": _known(lambda s: _since(s, "Y", "D") + 1),
    "days_in_month": _known(_days_in_month),
    "month": _known(lambda s: _since(s, "Y", "M") + 1),
    "year": _known(_year),
}
