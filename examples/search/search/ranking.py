"""An inverted index with BM25: which passages answer a query best, and which words say so."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest

from search.passages import Passage
from search.words import plain, stem, terms, title_terms

QUERY_TERMS_MAX = 12
K1, B = 1.2, 0.6
TITLE_WEIGHT = 4  # a word in the name counts like so many in the text
SNIPPET_WORDS = 40

_SAYS_SOMETHING = re.compile(r"[A-Za-z0-9.]|[>=<]{2,3}$")  # the lines of tables do not


@dataclass(frozen=True, slots=True)
class Hit:
    number: int  # of the passage
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    total: int
    hits: tuple[Hit, ...]


class Ranking:
    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = passages
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._names = [frozenset(title_terms(passage.title)) for passage in passages]
        lengths: list[int] = []
        for number, passage in enumerate(passages):
            counts = Counter(terms(passage.text))
            length = counts.total()
            for term in self._names[number]:
                counts[term] += TITLE_WEIGHT
            for term, count in counts.items():
                self._postings[term].append((number, count))
            lengths.append(length)
        mean = sum(lengths) / max(1, len(lengths)) or 1.0
        self._norms = [K1 * (1 - B + B * length / mean) for length in lengths]

    def find(self, query: str, *, limit: int) -> Found:
        """Passages with all the words come first, and among them those that are named so."""
        wanted = query_terms(query)
        scores: dict[int, float] = defaultdict(float)
        matched: Counter[int] = Counter()
        for term in wanted:
            postings = self._postings.get(term, [])
            weight = self._rarity(len(postings))
            for number, count in postings:
                scores[number] += weight * count * (K1 + 1) / (count + self._norms[number])
            matched.update(number for number, _ in postings)
        weighed = (
            (score * (matched[number] / len(wanted)) ** 2 * self._named(number, wanted), -number)
            for number, score in scores.items()
        )
        best = nlargest(limit, weighed)
        return Found(len(scores), tuple(Hit(-minus, round(score, 3)) for score, minus in best))

    def _named(self, number: int, wanted: Sequence[str]) -> float:
        """`asyncio.queues.Queue` is more about queues than a method of it that mentions one."""
        name = self._names[number]
        return 1 + len(name.intersection(wanted)) / max(1, len(name))

    def _rarity(self, holders: int) -> float:
        return math.log(1 + (len(self.passages) - holders + 0.5) / (holders + 0.5))


def query_terms(query: str) -> list[str]:
    return list(dict.fromkeys(stem(word) for word in plain(query)))[:QUERY_TERMS_MAX]


def snippet(passage: Passage, query: str) -> str:
    """The beginning, which says what a thing is; or a later stretch with more of the words."""
    wanted = {*query_terms(query)} - {*title_terms(passage.title)}  # the title shows those
    words = [word.replace("`", "") for word in passage.text.split() if _SAYS_SOMETHING.search(word)]
    held = [wanted.intersection(terms(word)) for word in words]
    start, most = 0, -1
    last = max(0, len(words) - SNIPPET_WORDS)
    for at in (*range(0, last, 4), last):
        distinct = len(set[str]().union(*held[at : at + SNIPPET_WORDS]))
        if distinct > most:
            start, most = at, distinct
    cut = " ".join(words[start : start + SNIPPET_WORDS])
    return ("… " if start else "") + cut + (" …" if start + SNIPPET_WORDS < len(words) else "")
