"""Corrections come from the words of the text, and only when there is something to correct."""

import pytest
from search.spelling import Spelling, count_words, distance

TEXT = "regular expression temporary file asyncio queue semaphore thread executor process " * 3
spelling = Spelling(count_words([TEXT, "onceonly"]))


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("asincio queue", "asyncio queue"),
        ("regualr expresion", "regular expression"),
        ("Temporery file", "temporary file"),
        ("semaphor", "semaphore"),
    ],
)
def test_a_mistake_is_put_right(asked: str, meant: str) -> None:
    assert spelling.correct(asked) == meant


@pytest.mark.parametrize("asked", ["", "asyncio queue", "queues", "fil", "zzzzzzzz", "x" * 5000])
def test_there_is_nothing_to_say_about_what_is_right_or_hopeless(asked: str) -> None:
    assert spelling.correct(asked) == ""


def test_a_word_written_once_is_known_but_never_proposed() -> None:
    assert spelling.correct("onceonly") == ""
    assert spelling.correct("onceonlx") == ""


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [("", "", 0), ("queue", "queue", 0), ("qeueu", "queue", 2), ("ab", "ba", 1), ("", "abc", 3)],
)
def test_distance_counts_letters_to_change(one: str, other: str, far: int) -> None:
    assert distance(one, other) == far
