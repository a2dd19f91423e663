"""Deadlines, budgets and trust: the real Envoy before a server that tells what it was told."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from tests.contracts.traffic_world import Answer, Client, World, free_port, world

from headway.model.desired import Arrow
from headway.model.ids import ServiceName
from headway.model.site import Protocol

pytestmark = pytest.mark.contract

DEADLINE_S = 0.3
EXPECTED = "x-envoy-expected-rq-timeout-ms"
SENT = "x-envoy-upstream-rq-timeout-ms"
BUDGET = "headway-budget-ms"

Story = Callable[[World, Client], Awaitable[None]]


def run(folder: Path, story: Story, *, protocol: Protocol = Protocol.HTTP) -> None:
    """A world whose `front` calls `web` with a deadline; the client is that `front`."""

    async def tell() -> None:
        async with world(folder) as w:
            port = free_port()
            w.describe(protocol=protocol)
            w.arrows = (Arrow(ServiceName("front"), ServiceName("web"), port, DEADLINE_S),)
            await w.serve("web-0", "web-1")
            front = Client(port)
            try:
                await story(w, front)
            finally:
                front.close()

    asyncio.run(tell())


def told(answer: Answer) -> Mapping[str, str]:
    assert answer.status == 200
    headers: dict[str, str] = json.loads(answer.text)
    return headers


def test_an_arrow_s_deadline_is_told_whole_and_kept(headway_home: Path) -> None:
    async def story(_: World, front: Client) -> None:
        assert told(await front.ask())[EXPECTED] == "300"
        late = await front.ask("/hang")
        assert late.status == 504
        assert late.took_s > 0.28

    run(headway_home, story)


def test_a_caller_may_have_less_time_left(headway_home: Path) -> None:
    async def story(_: World, front: Client) -> None:
        assert told(await front.ask(headers={SENT: "120"}))[EXPECTED] == "120"
        assert (await front.ask("/hang", headers={SENT: "120"})).status == 504

    run(headway_home, story)


@pytest.mark.parametrize("sent", ["60000", "301", "0", "-1", "soon", "99999999999999999999"])
def test_no_caller_has_more_time_than_the_arrow_s_deadline(headway_home: Path, sent: str) -> None:
    async def story(_: World, front: Client) -> None:
        heard = told(await front.ask(headers={SENT: sent}))
        assert heard[EXPECTED] == "300"
        assert SENT not in heard
        assert (await front.ask("/hang", "POST", headers={SENT: sent})).status == 504

    run(headway_home, story)


def test_a_caller_that_copies_its_user_s_address_keeps_its_deadline(headway_home: Path) -> None:
    async def story(_: World, front: Client) -> None:
        copied = {SENT: "120", "x-forwarded-for": "198.51.100.7"}
        assert told(await front.ask(headers=copied))[EXPECTED] == "120"

    run(headway_home, story)


def test_users_cannot_set_timeouts_retries_or_budgets(headway_home: Path) -> None:
    async def story(w: World, _: Client) -> None:
        forged = {SENT: "5", "x-envoy-retry-on": "5xx", "x-envoy-max-retries": "9", BUDGET: "1"}
        heard = told(await w.ask(headers={**forged, "headway-door": "front>web"}))
        assert heard[EXPECTED] == "15000"
        assert heard[BUDGET] == "200"
        assert not {SENT, "x-envoy-retry-on", "x-envoy-max-retries", "headway-door"} & heard.keys()

    run(headway_home, story)


def test_a_budget_is_the_entry_s_word_and_not_passed_on(headway_home: Path) -> None:
    async def story(_: World, front: Client) -> None:
        assert BUDGET not in told(await front.ask(headers={BUDGET: "150"}))

    run(headway_home, story)


def test_a_budget_cuts_nothing(headway_home: Path) -> None:
    async def story(w: World, _: Client) -> None:
        slow = await w.ask("/slow?ms=500")
        assert slow.status == 200
        assert slow.took_s > w.wanted().latency_budget_s  # type: ignore[operator]

    run(headway_home, story)


def test_the_entry_s_limit_is_kept(headway_home: Path) -> None:
    async def story(w: World, _: Client) -> None:
        w.entry_timeout_s = 0.4
        await w.publish("web-0", "web-1")
        late = await w.ask("/hang", "POST")
        assert late.status == 504
        assert late.took_s > 0.38

    run(headway_home, story)


def test_a_websocket_outlives_every_deadline(headway_home: Path) -> None:
    async def story(w: World, _: Client) -> None:
        w.entry_timeout_s = 0.2
        await w.publish("web-0", "web-1")
        reader, writer = await asyncio.open_connection("127.0.0.1", w.entry_port)
        wish = "GET /echo HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        writer.write(wish.encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        for word in (b"one", b"two"):
            await asyncio.sleep(0.3)  # past every deadline: that is the matter of this test
            writer.write(word)
            assert await reader.readexactly(3) == word
        writer.close()

    run(headway_home, story, protocol=Protocol.WEBSOCKET)


def test_bytes_go_through_a_tcp_service_untouched(headway_home: Path) -> None:
    async def story(w: World, _: Client) -> None:
        answer = await w.ask(headers={BUDGET: "7"})
        assert told(answer) == {"host": "test", BUDGET: "7"}

    run(headway_home, story, protocol=Protocol.TCP)
