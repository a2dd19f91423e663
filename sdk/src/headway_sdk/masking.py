"""What must not be shown: values that came from secrets, and whatever is named like one.

A value is known to be secret when Headway says so (`$HW_SECRET_NAMES` lists the variables that
hold one); besides, nothing is shown under a name such as `password` or `api_key`, no password in
a URL, and no credentials behind `Bearer` or `Basic`.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

MASK = "***"
VALUE_CHARS_MAX = 300
VALUES_MAX = 200
SECRET_CHARS_MIN = 4  # a shorter one would be found in every other word

_NAMED = re.compile(
    r"passw|passphrase|secret|token|credential|authori[sz]ation|cookie|private|signature"
    r"|(?<![a-z])(pwd|auth|pin|salt|dsn)(?![a-z])"
    r"|(?<![a-z])(api|access|account|client|private|shared|master|signing)?[_-]?keys?(?![a-z])",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):([^/\s]+)(?=@)")
_AFTER_SCHEME = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_HIDDEN_VARIABLES = frozenset({"HW_LIFE", "HW_SECRET_NAMES"})  # of no use to a person


def is_secret_name(name: str) -> bool:
    return _NAMED.search(name) is not None


def _forms(value: str) -> set[str]:
    """As it looks in plain text, in a `repr`, in JSON and in an address."""
    shown = {value, repr(value)[1:-1], repr(f'"{value}')[2:-1]}
    shown |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return shown | {quote(value), quote(value, safe=""), quote_plus(value)}


class Mask:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._names = frozenset(filter(None, environ.get("HW_SECRET_NAMES", "").split(",")))
        values = {environ.get(name, "") for name in self._names}
        values |= {found[2] for value in values for found in _IN_URL.finditer(value)}
        forms = {
            form for value in values if len(value) >= SECRET_CHARS_MIN for form in _forms(value)
        }
        # Longest first: a secret may be the beginning of another one.
        self._values = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, MASK)
        if "://" in text:
            text = _IN_URL.sub(rf"\1:{MASK}", text)
        return _AFTER_SCHEME.sub(rf"\1 {MASK}", text)

    def hides(self, name: str) -> bool:
        return name in self._names or is_secret_name(name)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """What a page may show. Under Headway a process has only variables that were meant for
        it; started by hand it has those of somebody's shell, of which only ours are shown.
        """
        meant = "HW_ENV" in environ
        names = sorted(n for n in environ if meant or n == "PORT" or n.startswith("HW_"))
        shown = [name for name in names if name not in _HIDDEN_VARIABLES][:VALUES_MAX]
        return {
            name: MASK if self.hides(name) else self.text(environ[name])[:VALUE_CHARS_MAX]
            for name in shown
        }
