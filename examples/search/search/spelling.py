"""Corrections from the words of the text itself: what is written often is written right.

Words are found by what is left after deleting letters, from both sides (the idea of SymSpell), so
that a correction costs well under a millisecond and never holds up the event loop.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from search.words import WORD_CHARS_MAX, plain

WORD_CHARS_MIN = 4  # shorter ones are too near to everything
TIMES_MIN = 2  # a word written once may itself be a mistake
DISTANCE_MAX = 2


def count_words(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(plain(text))
    return counts


class Spelling:
    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts
        self._by_rest: dict[str, list[str]] = defaultdict(list)
        for word, times in counts.items():
            if times >= TIMES_MIN and WORD_CHARS_MIN <= len(word) <= 20 and word.isalpha():
                for rest in {word, *_one_less(word)}:
                    self._by_rest[rest].append(word)

    def correct(self, query: str) -> str:
        """The query with its mistakes put right; empty when there is nothing to say."""
        fixed = {word: self._correct_word(word) for word in plain(query)}
        changed = {word: better for word, better in fixed.items() if better and better != word}
        if not changed:
            return ""
        return " ".join(changed.get(word.lower(), word) for word in query.split())

    def _correct_word(self, word: str) -> str:
        known = word in self._counts or word.removesuffix("s") in self._counts
        if known or not WORD_CHARS_MIN <= len(word) <= WORD_CHARS_MAX or not word.isalpha():
            return ""
        rests = {word, *_one_less(word)}
        rests |= {less for rest in tuple(rests) for less in _one_less(rest)}
        candidates = {near for rest in rests for near in self._by_rest.get(rest, ())}
        allowed = 1 if len(word) < 6 else DISTANCE_MAX
        judged = ((distance(word, near), near) for near in candidates)
        near_enough = [(far, near) for far, near in judged if far <= allowed]
        best = min(
            near_enough,
            key=lambda one: (one[0], one[1][0] != word[0], -self._counts[one[1]], one[1]),
            default=(0, ""),
        )
        return best[1]


def _one_less(word: str) -> Iterator[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))


def distance(one: str, other: str) -> int:
    """Letters to add, drop, change or swap to get from one to the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
