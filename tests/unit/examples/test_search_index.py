"""The index of the search example: real questions find real answers, quickly, every time."""

import asyncio

import pytest
from search import index
from search.corpus import PASSAGES_MAX, read_corpus
from search.passages import Passage, of_readme, of_source
from search.ranking import SNIPPET_WORDS, Ranking, query_terms, snippet
from search.words import stem

from headway_sdk.testing import Reply, ask

SOURCE = '''"""Everything about the tides, and how to be at the harbour when the water is high."""

TABLE = """
this text belongs to nobody and is long enough to be mistaken for a docstring, which it is not
"""

class Harbour:
    """A place where boats wait for water. It knows its depth and it knows who is waiting there."""

    def enter(self, boat):
        """Let a boat in when there is enough water under it, and make it wait otherwise."""

    def _measure(self):
        """Nobody outside needs to know how this is done, however long we talk about it in here."""

    def leave(self):
        """Short."""

async def tide():
    r"""The height of the water above the chart's zero, in metres, at this moment and not later."""
'''


def asked(target: str) -> Reply:
    return asyncio.run(ask(index.app, target))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("asyncio queue", "asyncio.queues.Queue"),
        ("json encoder", "json.encoder.JSONEncoder"),
        ("temporary directory", "tempfile.TemporaryDirectory"),
        ("semaphores", "threading.Semaphore"),
        ("counter", "collections.Counter"),
    ],
)
def test_a_real_question_finds_the_real_thing_near_the_top(question: str, answer: str) -> None:
    titles = [hit["title"] for hit in asked(f"/search?q={question}").json()["hits"]]
    assert any(title.startswith(answer) for title in titles[:5]), titles


def test_an_answer_says_where_it_is_from_and_can_be_read_whole() -> None:
    best = asked("/search?q=asyncio+queue").json()["hits"][0]
    assert best["place"].startswith("asyncio/queues.py, line ")
    whole = asked(f"/passage/{best['id']}").json()
    assert whole["title"] == best["title"]
    assert "coroutines" in whole["text"]


@pytest.mark.parametrize("question", ["", "the", "zzqqxx", "%00", "a" * 5000, "'\"<>&;--"])
def test_a_question_without_an_answer_finds_nothing_and_does_no_harm(question: str) -> None:
    reply = asked(f"/search?q={question}")
    assert (reply.status, reply.json()["total"]) == (200, 0)


@pytest.mark.parametrize("limit", ["0", "-1", "x", "99999", "²"])
def test_an_unreasonable_limit_is_put_right(limit: str) -> None:
    assert len(asked(f"/search?q=file&limit={limit}").json()["hits"]) <= 50


def test_a_passage_that_is_not_there_is_not_found() -> None:
    assert asked(f"/passage/{PASSAGES_MAX + 1}").status == 404


def test_every_replica_reads_the_same_passages_in_the_same_order() -> None:
    assert read_corpus(limit=500) == read_corpus(limit=500)
    assert len(read_corpus(limit=10)) == 10


def test_public_docstrings_become_passages_with_their_full_names() -> None:
    found = [*of_source(SOURCE, module="sea.tides", path="sea/tides.py", origin="Sea 1")]
    assert [passage.title for passage in found] == [
        "sea.tides",
        "sea.tides.Harbour",
        "sea.tides.Harbour.enter",
        "sea.tides.tide",
    ]
    assert [passage.rank for passage in found] == [0, 1, 2, 2]
    assert found[1].place == "sea/tides.py, line 8"


def test_a_readme_is_cut_at_its_headings() -> None:
    readme = (
        "# Sea\n\nA [library](https://example.org) about the sea, for all who go there by boat.\n\n"
        "## Tides\n\nThe `tide` function tells the height of the water at this very moment.\n"
    )
    found = [*of_readme(readme, name="sea", origin="sea 1.0")]
    assert [passage.title for passage in found] == ["sea", "sea: Tides"]
    assert found[0].text.startswith("A library about the sea")


def test_passages_with_all_the_words_come_before_passages_with_some() -> None:
    texts = ("boat " * 50, "a boat and a harbour in the evening", "harbour " * 50)
    ranking = Ranking([Passage("x", "", "", text, 0) for text in texts])
    assert ranking.find("boat harbour", limit=3).hits[0].number == 1


def test_a_snippet_begins_with_what_a_thing_is_unless_more_is_found_later() -> None:
    text = "A harbour. " + "water " * 200 + "where the boat waits"
    place = Passage("sea.Harbour", "", "", text, 1)
    assert snippet(place, "harbour").startswith("A harbour.")
    assert snippet(place, "boat harbour").endswith("where the boat waits")
    assert len(snippet(place, "boat").split()) <= SNIPPET_WORDS + 2


def test_plural_and_singular_meet() -> None:
    assert stem("queues") == stem("queue")
    assert stem("classes") == stem("class")
    assert stem("libraries") == stem("library")
    assert stem("asyncio") == "asyncio"
    assert query_terms("the queues of the queue") == ["queue"]
