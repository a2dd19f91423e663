"""Ready checks: what makes health negative, with which reason, and at what price."""

import asyncio
import io
import threading
import time
from collections.abc import Callable

from headway_sdk import Service
from headway_sdk.checks import reason_of
from headway_sdk.testing import ask

LIMIT_S = 5.0


class Mute(Exception):  # noqa: N818 - a library's
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise TypeError


async def nothing(*_: object) -> None:
    """An application that answers nobody."""


async def health_becomes(svc: Service, wanted: Callable[[str], bool]) -> str:
    """Ask until the answer is the wanted one, at most LIMIT_S."""
    app = svc.asgi(nothing)
    until_s = time.monotonic() + LIMIT_S
    text = ""
    while time.monotonic() < until_s:
        text = (await ask(app, "/healthz")).text
        if wanted(text):
            break
        await asyncio.sleep(0.005)
    svc.checks.stop()
    return text


def quick() -> Service:
    return Service("web", environ={}, log=io.StringIO(), check_every_s=0.01)


def test_health_waits_for_the_first_answer_of_every_check() -> None:
    svc = quick()
    svc.ready_check(lambda: True)
    assert asyncio.run(health_becomes(svc, lambda _: True)) == "<lambda>: has not answered yet"


def test_health_is_positive_when_all_checks_say_true() -> None:
    svc = quick()

    @svc.ready_check
    def words() -> bool:
        return True

    @svc.ready_check(timeout_s=0.5)
    async def database() -> bool:
        return True

    assert asyncio.run(health_becomes(svc, lambda text: text == "OK")) == "OK"


def test_a_check_may_say_why_not() -> None:
    svc = quick()

    @svc.ready_check
    async def words() -> str:
        return "still loading"

    said = asyncio.run(health_becomes(svc, lambda text: "loading" in text))
    assert said == "words: still loading"


def test_a_reason_is_short_and_tells_no_secret() -> None:
    planted = {"HW_SECRET_NAMES": "DB", "DB": "postgres://web:planted@db/shop"}
    svc = Service("web", environ=planted, log=io.StringIO(), check_every_s=0.01)

    @svc.ready_check
    def database() -> bool:
        raise ConnectionError(f"{planted['DB']} refused 'planted' " + "x" * 1000)

    said = asyncio.run(health_becomes(svc, lambda text: "refused" in text))
    assert "planted" not in said
    assert said.startswith("database: ConnectionError: *** refused '***' xxx")
    assert len(said) <= len("database: ") + 200


def test_a_failure_that_cannot_say_what_it_is_does_not_end_the_asking() -> None:
    svc, answers = quick(), iter((Mute(), True))

    @svc.ready_check
    def database() -> bool:
        answer = next(answers, True)
        if isinstance(answer, Mute):
            raise answer
        return answer

    assert asyncio.run(health_becomes(svc, lambda text: text == "OK")) == "OK"


def test_a_check_that_raises_makes_health_negative() -> None:
    svc = quick()

    @svc.ready_check
    def words() -> bool:
        raise FileNotFoundError("words.txt")

    said = asyncio.run(health_becomes(svc, lambda text: "Error" in text))
    assert said == "words: FileNotFoundError: words.txt"


def test_a_slow_check_makes_health_negative() -> None:
    svc = quick()

    @svc.ready_check(timeout_s=0.01)
    async def words() -> bool:
        await asyncio.sleep(LIMIT_S)
        return True

    said = asyncio.run(health_becomes(svc, lambda text: "within" in text))
    assert said == "words: no answer within 0.01 s"


def test_a_check_that_hangs_is_never_joined_by_a_second_one_and_may_recover() -> None:
    svc, hang, calls = quick(), threading.Event(), []

    @svc.ready_check(timeout_s=0.01)
    def words() -> bool:
        calls.append(1)
        hang.wait(LIMIT_S)
        return True

    async def story() -> tuple[str, int, str]:
        first = await health_becomes(svc, lambda text: "within" in text)
        later = await health_becomes(svc, lambda _: svc.checks.checks[0].took_s > 0)
        assert later == first
        count = len(calls)
        hang.set()
        return first, count, await health_becomes(svc, lambda text: text == "OK")

    assert asyncio.run(story()) == ("words: no answer within 0.01 s", 1, "OK")


def test_asking_for_health_often_does_not_run_the_checks_often() -> None:
    svc, calls = Service("web", environ={}, log=io.StringIO(), check_every_s=LIMIT_S), []

    @svc.ready_check
    async def words() -> bool:
        calls.append(1)
        return True

    async def story() -> None:
        await health_becomes(svc, lambda text: text == "OK")
        app = svc.asgi(nothing)
        for _ in range(100):
            await ask(app, "/healthz")

    asyncio.run(story())
    assert len(calls) <= 2


def test_only_true_is_a_yes() -> None:
    assert reason_of(True) == ""
    assert reason_of(None) == "answered None, not True"
    assert reason_of(False) == "answered False, not True"
