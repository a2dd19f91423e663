"""How text becomes words: the same way when indexed, when asked for and when spelled."""

import re
from collections.abc import Iterator
from functools import lru_cache

WORD_CHARS_MAX = 40
_WORD = re.compile(r"[a-z0-9_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_VERY_COMMON = (
    "a an and are as at be but by can do for from has have if in into is it its may must no not of"
    " on or such that the their then there these they this to was when which will with you your"
    " how what where who why does use used using"
)
STOP_WORDS = frozenset(_VERY_COMMON.split())


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Queues are found by queue, classes by class. No more than that: names must stay names."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def plain(text: str) -> list[str]:
    """Words as written, in lower case, without the very common ones."""
    return [w for w in _WORD.findall(text.lower()) if w not in STOP_WORDS and len(w) > 1]


def terms(text: str) -> Iterator[str]:
    """What is looked up. A name of several words is found whole and by each of its words."""
    for word in plain(text[:100_000]):
        yield stem(word[:WORD_CHARS_MAX])
        if "_" in word:
            for part in word.split("_"):
                if len(part) > 1 and part not in STOP_WORDS:
                    yield stem(part[:WORD_CHARS_MAX])


def title_terms(title: str) -> Iterator[str]:
    """In a name, `TaskGroup` is also a task and a group."""
    yield from terms(title)
    apart = _CAMEL.sub(" ", title)
    if apart != title:
        yield from terms(apart)
