"""Readers of single values: how it was written -> what it means, or `Refused` with the remedy.

Nothing is guessed. A value that YAML tools read in different ways (`NO`, `012`) is refused and
the unambiguous spelling named.
"""

import difflib
import re
from collections.abc import Callable
from enum import StrEnum

from headway.site.problem import quoted
from headway.site.refused import Refused
from headway.site.tree import Data, Scalar

DURATION_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
SIZE_UNITS_BYTES = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
RATE_UNITS_S = {"s": 1, "m": 60, "h": 3_600}
DURATION_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,3})?(us|ms|s|m|h|d)$"
SIZE_PATTERN = r"^[0-9]{1,16}(\.[0-9]{1,3})?(B|[KMGT]i?B)$"
RATE_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,3})?/(s|m|h)$"
NAME_PATTERN = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,99}$"
TEXT_LENGTH_MAX = 10_000
RATE_PER_S_MIN, RATE_PER_S_MAX = 1 / 3_600, 1e6
WEIGHT_MIN, WEIGHT_MAX = 0.01, 100

# YAML 1.1 reads these as true and false, and many tools still do.
_TRUTHS = re.compile(r"^(yes|no|on|off|true|false)$", re.IGNORECASE)
_ODD_NUMBERS = re.compile(
    r"^[-+]?(0[0-9]+|0x[0-9a-fA-F_]+|0o[0-9]+|0b[01_]+|(?=[0-9]+_)[0-9_]+|[0-9]+(:[0-9]+)+)$"
)
_NUMBER = re.compile(r"^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?$")


def scalar(value: Data, expected: str, example: str) -> Scalar:
    """One value, not a list or a mapping, and not nothing."""
    if not isinstance(value, Scalar):
        found = "a list" if isinstance(value, list) else "a mapping"
        raise Refused("HW015", f"expected {expected}, found {found}", f"for example `{example}`")
    if value.is_null:
        raise Refused("HW035", f"no value is given; expected {expected}", f"write `{example}`")
    return value


def read_text(value: Data) -> str:
    """Text as it is written. Numbers may be, their spelling is kept: `1.10` stays `1.10`."""
    found = scalar(value, "a text", '"text"')
    if found.plain:
        _refuse_surprise(found.text)
    if "\0" in found.text:
        raise Refused("HW010", "character U+0000 cannot stand in a text", "remove it")
    if len(found.text) > TEXT_LENGTH_MAX:
        message = f"longer than {TEXT_LENGTH_MAX:,} characters"
        raise Refused("HW026", message, "put it into a file and name that under `files`")
    return found.text


def read_words(value: Data) -> str:
    """Text that may not be empty."""
    text = read_text(value)
    if not text.strip():
        raise Refused("HW035", "an empty text is given", "write a text, or leave the key out")
    return text


def read_switch(value: Data) -> bool:
    found = scalar(value, "true or false", "true")
    if found.plain and found.text in {"true", "false"}:
        return found.text == "true"
    if _TRUTHS.match(found.text):
        answer = "true" if found.text.lower() in {"yes", "on", "true"} else "false"
        message = f"{quoted(found.text)} is not the same to every YAML tool"
        raise Refused("HW023", message, f"write `{answer}`, without quotes")
    message = f"expected true or false, found {quoted(found.text)}"
    raise Refused("HW025", message, "write `true` or `false`")


def duration(min_s: float, max_s: float, *, example: str) -> Callable[[Data], float]:
    """A reader of durations between two bounds, into seconds."""

    def read_duration(value: Data) -> float:
        found = scalar(value, "a duration", example).text
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", found):
            help_ = f"write `{found[:20]}ms` or `{found[:20]}s`"
            raise Refused("HW020", "a duration needs a unit", help_)
        if not re.match(DURATION_PATTERN, found) or found.endswith("\n"):
            message = f"{quoted(found)} is not a duration"
            raise Refused("HW020", message, f"a number and us, ms, s, m, h or d: `{example}`")
        unit = found.lstrip("0123456789.")
        seconds = round(float(found.removesuffix(unit)) * DURATION_UNITS_S[unit], 9)
        if not min_s <= seconds <= max_s:
            message = f"{found} is out of range"
            bounds = f"between {spell_duration(min_s)} and {spell_duration(max_s)}"
            raise Refused("HW026", message, f"write a duration {bounds}")
        return seconds

    return read_duration


def read_size(value: Data) -> int:
    """Bytes. `MB` is a million, `MiB` is 1,048,576."""
    found = scalar(value, "a size", "256MB").text
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", found):
        raise Refused(
            "HW021", "a size needs a unit", f"write `{found[:20]}MB` or `{found[:20]}MiB`"
        )
    if not re.match(SIZE_PATTERN, found) or found.endswith("\n"):
        message = f"{quoted(found)} is not a size"
        raise Refused("HW021", message, "a number and KB, MB, GB, KiB, MiB or GiB: `256MB`")
    unit = found.lstrip("0123456789.")
    size_bytes = int(float(found.removesuffix(unit)) * SIZE_UNITS_BYTES[unit])
    if not 10**6 <= size_bytes <= 10**15:
        raise Refused("HW026", f"{found} is out of range", "write a size between 1MB and 1000TB")
    return size_bytes


def read_rate(value: Data) -> float:
    """So many in a second, a minute or an hour -> per second."""
    found = scalar(value, "a rate", "2000/s").text
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", found):
        short = found[:20]
        raise Refused("HW036", "a rate needs a unit", f"write `{short}/s` or `{short}/m`")
    if not re.match(RATE_PATTERN, found) or found.endswith("\n"):
        message = f"{quoted(found)} is not a rate"
        raise Refused("HW036", message, "a number, `/` and s, m or h: `2000/s`")
    number, _, unit = found.partition("/")
    rate_per_s = float(number) / RATE_UNITS_S[unit]
    if not RATE_PER_S_MIN <= rate_per_s <= RATE_PER_S_MAX:
        raise Refused("HW026", f"{found} is out of range", "write a rate from 1/h to 1000000/s")
    return rate_per_s


def count(minimum: int, maximum: int, *, example: str) -> Callable[[Data], int]:
    """A reader of whole numbers between two bounds."""

    def read_count(value: Data) -> int:
        number = _number(value, "a whole number", example)
        if "." in number:
            message = f"expected a whole number, found {number}"
            raise Refused("HW022", message, f"for example `{example}`")
        return int(_within(int(number), minimum, maximum))

    return read_count


def cores(value: Data) -> float:
    """Processor cores; half a core is 0.5."""
    return _within(float(_number(value, "a number of cores", "0.5")), 0.01, 1024)


def weight(value: Data) -> float:
    """A share in proportion to others' weights."""
    return _within(float(_number(value, "a weight", "3")), WEIGHT_MIN, WEIGHT_MAX)


def choice(options: type[StrEnum]) -> Callable[[Data], str]:
    """A reader of one of a few words."""

    def read_choice(value: Data) -> str:
        words = [str(o) for o in options]
        found = scalar(value, "one of " + ", ".join(words), words[0]).text
        if found in words:
            return found
        raise Refused("HW025", f"{quoted(found)} is not a choice here", one_of(found, words))

    return read_choice


def check_name(text: str, what: str) -> None:
    """Names become parts of host names, variables and file names."""
    if _TRUTHS.match(text):
        message = f"{quoted(text)} is true or false to YAML tools, not a name"
        raise Refused("HW023", message, f"give the {what} another name")
    if re.fullmatch(NAME_PATTERN, text) is None:
        message = f"{quoted(text)} cannot be the name of a {what}"
        help_ = "a name has 1 to 40 of a-z, 0-9 and `-`, and begins with a letter"
        suggestion = re.sub(r"[^a-z0-9]+", "-", text[:40].lower()).strip("-")
        if re.fullmatch(NAME_PATTERN, suggestion):
            help_ += f": `{suggestion}`"
        raise Refused("HW024", message, help_)


def one_of(found: str, words: list[str], *, label: str = "One of") -> str:
    """A remedy that names the nearest word first."""
    near = nearest(found, words)
    listed = ", ".join(words[:12]) + (", …" if len(words) > 12 else "")
    if near:
        # A long list would only hide the answer.
        return f"did you mean `{near}`?" + (f" {label} {listed}" if len(words) <= 8 else "")
    return f"{label} {listed}"


def nearest(found: str, words: list[str]) -> str:
    """The word that was probably meant, or nothing."""
    near = difflib.get_close_matches(found[:60].lower().replace("_", "-"), words[:200], 1, 0.6)
    return (near or difflib.get_close_matches(found[:60], words[:200], 1, 0.6) or [""])[0]


def spell_duration(seconds: float) -> str:
    """The shortest spelling that means exactly this: 0.15 -> `150ms`."""
    nanoseconds = round(seconds * 1e9)
    for unit in ("d", "h", "m", "s", "ms", "us"):
        number, rest = divmod(nanoseconds, round(DURATION_UNITS_S[unit] * 1e9))
        if number and not rest:
            return f"{number}{unit}"
    return f"{nanoseconds / 1e3:.3f}us" if nanoseconds else "0s"


def spell_rate(rate_per_s: float) -> str:
    """The spelling that means exactly this: 1.6666666666666667 -> `100/m`."""
    for unit, unit_s in RATE_UNITS_S.items():
        number = round(rate_per_s * unit_s, 3)
        if number / unit_s == rate_per_s:
            return f"{number:.3f}".rstrip("0").rstrip(".") + f"/{unit}"
    return f"{rate_per_s:.3f}/s"


def spell_size(size_bytes: int) -> str:
    """The shortest spelling that means exactly this: 256000000 -> `256MB`."""
    for unit in ("TB", "TiB", "GB", "GiB", "MB", "MiB", "KB", "KiB"):
        number, rest = divmod(size_bytes, SIZE_UNITS_BYTES[unit])
        if number and not rest:
            return f"{number}{unit}"
    return f"{size_bytes}B"


def _number(value: Data, expected: str, example: str) -> str:
    found = scalar(value, expected, example)
    if found.plain and _ODD_NUMBERS.match(found.text):
        message = f"{quoted(found.text)} is another number to some YAML tools"
        raise Refused("HW023", message, "write it in decimal, without `0` in front, `_` or `:`")
    if _NUMBER.match(found.text) and not found.text.endswith("\n"):
        if found.plain:
            return found.text
        message = f"expected {expected}, found a text"
        raise Refused("HW022", message, f"write {found.text} without quotes")
    message = f"expected {expected}, found {quoted(found.text)}"
    raise Refused("HW022", message, f"for example `{example}`")


def _within(number: float, minimum: float, maximum: float) -> float:
    if not minimum <= number <= maximum:
        help_ = f"write a number between {minimum:,} and {maximum:,}"
        found = f"{number:,}".removesuffix(".0")
        raise Refused("HW026", f"{found} is out of range", help_.replace(",", ""))
    return number


def _refuse_surprise(text: str) -> None:
    if _TRUTHS.match(text):
        message = f"{quoted(text)} is true or false to YAML tools, not a text"
        raise Refused("HW023", message, f'write `"{text}"` if the text is meant')
    if _ODD_NUMBERS.match(text):
        message = f"{quoted(text)} is another number to some YAML tools"
        raise Refused("HW023", message, f'write `"{text}"` if the text is meant')
