"""`@traced` tells of every call at debug, changes nothing about it, and else is silent."""

import asyncio
import contextlib
import inspect
import io
import logging
import timeit
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any

import pytest

from headway_sdk import Service, traced

LOGGER = logging.getLogger(__name__)
SVC = Service("tracing", log=io.StringIO())


@traced
def add(left: int, right: int = 2, *rest: int, password: str = "") -> int:
    return left + right + sum(rest)


@traced
async def wait(query: str) -> str:
    await asyncio.sleep(0)
    return query.upper()


@traced
def count(limit: int) -> Generator[int, str | None, list[str | None]]:
    """Says what it was sent."""
    got: list[str | None] = []
    for number in range(limit):
        try:
            got.append((yield number))
        except KeyError:
            got.append("KeyError")
    return got


@traced
async def stream(limit: int) -> AsyncGenerator[int, int | None]:
    try:
        for number in range(limit):
            got = yield number
            if got:
                yield got
    finally:
        CLOSED.append(limit)


@traced
def outer() -> int:
    return add(1)


@traced
def broken(secret_thing: str) -> None:
    raise ValueError(f"planted-text {secret_thing}")


CLOSED: list[int] = []


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[list[dict[str, Any]]]:
    """Fields of what is told, at debug."""
    found: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append({**vars(record)["headway"], "text": record.getMessage()})

    handler = Keep()
    LOGGER.addHandler(handler)
    with caplog.at_level(logging.DEBUG, logger=__name__):
        yield found
    LOGGER.removeHandler(handler)


async def collect(items: AsyncIterator[int]) -> list[int]:
    return [item async for item in items]


def test_a_call_is_told_with_its_arguments_and_its_time(told: list[dict[str, Any]]) -> None:
    assert add(1, 2, 3, password="planted") == 6  # noqa: S106 - of nobody
    assert (told[0]["function"], told[0]["args"]) == ("add", "left=1, right=2, password=***, 3")
    assert 0 <= told[0]["ms"] < 1000
    assert told[0]["text"].startswith("add(left=1, right=2, password=***, 3): 0.")


def test_nested_calls_have_a_depth(told: list[dict[str, Any]]) -> None:
    outer()
    add(1)
    assert [(t["function"], t["depth"]) for t in told] == [("add", 1), ("outer", 0), ("add", 0)]


def test_calls_side_by_side_have_depths_of_their_own(told: list[dict[str, Any]]) -> None:
    @traced
    async def both() -> list[str]:
        return list(await asyncio.gather(wait("a"), wait("b")))

    assert asyncio.run(both()) == ["A", "B"]
    assert [t["depth"] for t in told] == [1, 1, 0]


def test_a_failure_is_told_by_kind_and_place_and_never_by_its_text(
    told: list[dict[str, Any]],
) -> None:
    with pytest.raises(ValueError, match="planted-text"):
        broken("planted-value")
    assert told[0]["error"] == "ValueError"
    assert told[0]["at"].startswith("sdk/test_tracing.py:")
    assert told[0]["at"].endswith(" in broken")
    assert "planted" not in str(told)


def test_a_cancelled_call_is_told(told: list[dict[str, Any]]) -> None:
    @traced
    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await for_ever()

    asyncio.run(story())
    assert told[0]["error"] == "CancelledError"


def test_a_generator_passes_everything_through_and_is_told_at_its_end(
    told: list[dict[str, Any]],
) -> None:
    items = count(3)
    assert next(items) == 0
    assert items.send("x") == 1
    assert items.throw(KeyError()) == 2
    add(1)  # whoever asks for items is not inside of the generator
    with pytest.raises(StopIteration) as stop:
        next(items)
    assert stop.value.value == ["x", "KeyError", None]
    assert [(t["function"], t["depth"], t.get("items")) for t in told] == [
        ("add", 0, None),
        ("count", 0, 3),
    ]


def test_a_generator_that_is_left_early_is_closed_and_told_so(told: list[dict[str, Any]]) -> None:
    items = count(3)
    next(items)
    items.close()
    assert (told[0]["items"], told[0]["left"]) == (1, True)


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_an_asynchronous_generator_passes_everything_through(
    told: list[dict[str, Any]], level: int
) -> None:
    LOGGER.setLevel(level)

    async def story() -> None:
        assert await collect(stream(3)) == [0, 1, 2]
        items = stream(7)
        assert await anext(items) == 0
        assert await items.asend(9) == 9
        with pytest.raises(LookupError):
            await items.athrow(LookupError())
        left = stream(5)
        await anext(left)
        await left.aclose()
        assert CLOSED[-1] == 5  # by now, not when somebody collects the garbage

    CLOSED.clear()
    asyncio.run(story())
    assert CLOSED == [3, 7, 5]
    how = [(t.get("items"), t.get("error"), t.get("left")) for t in told]
    wanted = [(3, None, None), (2, "LookupError", None), (1, None, True)]
    assert how == (wanted if level == logging.DEBUG else [])


def test_a_traced_function_stays_of_its_kind() -> None:
    assert inspect.isgeneratorfunction(count)
    assert inspect.isasyncgenfunction(stream)
    assert inspect.iscoroutinefunction(wait)
    assert (count.__name__, count.__doc__) == ("count", "Says what it was sent.")
    assert list(inspect.signature(add).parameters) == ["left", "right", "rest", "password"]


def test_nothing_is_told_and_nothing_rendered_unless_it_is_wanted() -> None:
    class Loud:
        def __repr__(self) -> str:
            raise AssertionError("rendered")

    @traced
    def take(thing: object) -> object:
        return thing

    LOGGER.setLevel(logging.INFO)
    thing = Loud()
    assert take(thing) is thing
    assert list(count(2)) == [0, 1]


def test_a_method_is_told_without_its_self_and_arguments_can_be_left_out(
    told: list[dict[str, Any]],
) -> None:
    class Index:
        @SVC.traced(hide=("query",))
        def find(self, query: str, limit: int) -> str:
            return query * limit

        @staticmethod
        @traced(args=False)
        def load(path: str) -> str:
            return path

    assert Index().find("planted", 1) == "planted"
    assert Index.load("planted") == "planted"
    assert [t["args"] for t in told] == ["query=***, limit=1", "…"]
    assert told[0]["function"].endswith("Index.find")


def test_a_wrong_call_fails_as_it_would_without(told: list[dict[str, Any]]) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'left'"):
        add()  # type: ignore[call-arg]
    assert told[0]["error"] == "TypeError"


def test_what_is_no_function_is_refused_at_once() -> None:
    things: tuple[Any, ...] = (Service, staticmethod(len), 3)
    for thing in things:
        with pytest.raises(TypeError, match="@traced is for functions"):
            traced(thing)


def test_it_costs_next_to_nothing_while_nobody_wants_to_know() -> None:
    """Measured: 0.1 µs more per call. Ten times that would still be cheap."""
    LOGGER.setLevel(logging.INFO)
    plain = add.__wrapped__  # type: ignore[attr-defined]
    with_s = min(timeit.repeat(lambda: add(1), number=10_000, repeat=5))
    without_s = min(timeit.repeat(lambda: plain(1), number=10_000, repeat=5))
    assert (with_s - without_s) / 10_000 < 2e-6
