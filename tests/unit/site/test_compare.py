"""Two environments of one description differ in size, or in what they are, and it is said where."""

import pytest

from headway.model.ids import EnvironmentName
from headway.site.compare import Unlike, compare, is_size
from headway.site.parse import parse

TEXT = """headway: 1
site: shop
entry: {service: web, port: 8080}
services:
  web:
    run: serve
    replicas: 3
    calls: {stock: {deadline: 100ms}}
  stock:
    run: stock
    replicas: 4
    ready_min: 3
environments:
  micro: {"*.replicas": 1}
  odd:
    web.replicas: 2
    stock.drain: 1s
    web.env: {MODE: odd}
"""


def unlike(one: str, other: str, text: str = TEXT) -> tuple[Unlike, ...]:
    parsed = [parse(text, file="site.yaml", environment=EnvironmentName(n)) for n in (one, other)]
    return compare(parsed[0], parsed[1], (one, other))


def test_an_environment_is_the_same_as_itself() -> None:
    assert unlike("production", "production") == ()


def test_a_smaller_environment_differs_only_in_size_and_both_places_are_known() -> None:
    found = {u.what: u for u in unlike("production", "micro")}
    assert all(u.is_size for u in found.values())
    assert found.keys() == {
        "entry.port",
        "web.replicas",
        "web.ready_min",
        "stock.replicas",
        "stock.ready_min",
    }
    replicas = found["web.replicas"]
    assert (replicas.before.text, replicas.after.text) == ("3", "1")
    assert (replicas.before.line, replicas.after.line) == (7, 14)
    assert found["web.ready_min"].before.line is None  # a default, which nobody wrote


def test_what_is_more_than_size_comes_first() -> None:
    found = unlike("production", "odd")
    others = [u for u in found if not u.is_size]
    assert [u.what for u in others] == ["stock.drain", "web.env.MODE"]
    assert list(found[: len(others)]) == others
    assert [(u.before.line, u.after.line) for u in others] == [(None, 17), (None, 18)]
    assert (others[1].before.text, others[1].after.text) == ("", "odd")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("services", "web", "replicas"), True),
        (("services", "web", "resources", "memory"), True),
        (("services", "web", "weight"), True),
        (("services", "web", "tree", "shards"), True),
        (("hosts", "a", "zone"), True),
        (("entry", "port"), True),
        (("entry", "service"), False),
        (("services", "web", "tree", "fanout"), False),
        (("services", "web", "run"), False),
        (("services", "web", "env", "replicas"), False),
        (("latency_budget",), False),
    ],
)
def test_size_is_how_many_how_large_and_where(path: tuple[str, ...], expected: bool) -> None:
    assert is_size(path) is expected
