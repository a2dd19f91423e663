"""Readers of how requests are shared: `hash: {header: x-user}` and `weight: [3, 1]`."""

import re

from headway.model.site import HashKey, HashOn
from headway.site import limits
from headway.site.problem import quoted
from headway.site.refused import Refused
from headway.site.tree import Data, Scalar
from headway.site.values import one_of, scalar, weight

NAME_OF_FIELD_PATTERN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"  # what HTTP allows as a name
NAMED = (HashOn.HEADER, HashOn.COOKIE, HashOn.QUERY)
BARE = (HashOn.PATH, HashOn.SOURCE)
_EXAMPLE = "hash: {header: x-user}"
_CHOICES = "write `{header: …}`, `{cookie: …}`, `{query: …}`, `path` or `source`"


def read_hash(value: Data) -> HashKey:
    """What of a request decides which replica gets it."""
    if isinstance(value, dict):
        return _named(value)
    if isinstance(value, list):
        raise Refused("HW015", "expected one thing to hash, found a list", _CHOICES)
    word = scalar(value, "what of a request is hashed", _EXAMPLE).text
    if word in NAMED:
        raise Refused("HW014", f"which {word}?", f"write `hash: {{{word}: NAME}}`")
    if word not in BARE:
        raise Refused("HW025", f"{quoted(word)} is not a choice here", _CHOICES)
    return HashKey(HashOn(word))


def read_weights(value: Data) -> tuple[float, ...]:
    """The weights of the first replica, the second, …"""
    if not isinstance(value, list):
        found = "a mapping" if isinstance(value, dict) else "one value"
        message = f"expected a list of weights, found {found}"
        raise Refused("HW015", message, "write `weight: [3, 1]`: of the first, and of all others")
    if not 1 <= len(value) <= limits.REPLICAS_MAX:
        bounds = f"1 to {limits.REPLICAS_MAX}"
        raise Refused("HW026", f"{len(value)} weights", f"write {bounds}: `weight: [3, 1]`")
    return tuple(weight(item) for item in value)


def _named(value: dict[str, Data]) -> HashKey:
    if len(value) != 1:
        raise Refused("HW025", f"{len(value)} things to hash; one is needed", _CHOICES)
    ((on, name),) = value.items()
    if on in BARE:
        raise Refused("HW015", f"`{on}` has no name", f"write `hash: {on}`")
    if on not in NAMED:
        help_ = one_of(on, [str(w) for w in (*NAMED, *BARE)])
        raise Refused("HW025", f"{quoted(on)} is not a choice here", help_)
    text = name.text if isinstance(name, Scalar) else ""
    if not re.fullmatch(NAME_OF_FIELD_PATTERN, text) or text.endswith("\n"):
        message = f"{quoted(text)} cannot be the name of a {_WHAT[HashOn(on)]}"
        help_ = "a name has letters, digits, `-` and `_`, and no blanks: `{header: x-user}`"
        raise Refused("HW024", message, help_)
    # Names of headers are the same in capitals; Envoy knows them in small letters.
    return HashKey(HashOn(on), text.lower() if on == HashOn.HEADER else text)


_WHAT = {
    HashOn.HEADER: "header",
    HashOn.COOKIE: "cookie",
    HashOn.QUERY: "parameter of a URL",
}
