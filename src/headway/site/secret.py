"""`${secret:NAME}` in a text: the names used, or what is wrong with how they are written."""

import re

from headway.site.problem import quoted
from headway.site.refused import Refused

SECRET_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"  # noqa: S105 - the shape of a name
_REFERENCE = re.compile(rf"\$\{{secret:({SECRET_PATTERN})\}}")
# Anything that looks as if a secret was meant: `${secrets:x}`, `$secret:x`, `${Secret}`, …
_MEANT = re.compile(r"\$\s{0,3}[{(]?\s{0,3}secrets?\b[^\s\"']{0,80}", re.IGNORECASE)


def secrets_in(text: str) -> tuple[str, ...]:
    """The secrets a text refers to."""
    return tuple(_REFERENCE.findall(text))


def mentions_secret(text: str) -> bool:
    return _MEANT.search(text) is not None


def check_references(text: str) -> None:
    """`Refused` when something was meant as a secret and is not written as one."""
    wrong = _MEANT.search(_REFERENCE.sub("", text))
    if wrong is not None:
        message = f"{quoted(wrong.group(), 40)} is not how a secret is written"
        help_ = "write `${secret:NAME}`; a name has letters, digits, `.`, `_` and `-`"
        raise Refused("HW030", message, help_)
