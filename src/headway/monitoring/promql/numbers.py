"""How Prometheus writes a number."""

import math
from decimal import Decimal


def written(value: float) -> str:
    """Shortest digits that give the same number again; the exponent form from 1e21 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    if 1e-6 <= abs(value) < 1e21:
        return _plain(value)
    mantissa, _, exponent = _shortest(value).partition("e")
    power = int(exponent)
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _shortest(value: float) -> str:
    for digits in range(17):
        text = f"{value:.{digits}e}"
        if float(text) == value:
            return text
    return f"{value:.16e}"


def _plain(value: float) -> str:
    return format(Decimal(repr(float(value))), "f").removesuffix(".0")
