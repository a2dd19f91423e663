"""WebSockets through the real Envoy: they last, and end politely."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.contracts.traffic_world import World, eventually, run
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from headway.model.site import Overload, Protocol
from headway.traffic.clusters import WAITING_MIN

pytestmark = pytest.mark.contract

LIMIT_S = 10.0
GOING_AWAY = 1001


def with_websockets(
    folder: Path, story: Callable[[World], Awaitable[None]], *, in_flight: int = 256
) -> None:
    async def tell(w: World) -> None:
        w.script = "websocket_backend.py"
        w.entry_timeout_s = 0.3
        w.describe(protocol=Protocol.WEBSOCKET, overload=Overload(in_flight=in_flight))
        await w.serve("web-0", "web-1")
        await story(w)

    run(folder, tell)


async def enter(w: World) -> tuple[ClientConnection, str]:
    """A new connection, and who greeted."""
    async with asyncio.timeout(LIMIT_S):
        socket = await connect(f"ws://127.0.0.1:{w.entry_port}/", proxy=None)
        return socket, str(await socket.recv())


async def enter_at(w: World, name: str) -> ClientConnection:
    for _ in range(50):
        socket, host = await enter(w)
        if host == name:
            return socket
        await socket.close()
    raise AssertionError(f"never at {name}")


async def echo(socket: ClientConnection, word: str) -> str:
    async with asyncio.timeout(LIMIT_S):
        await socket.send(word)
        return str(await socket.recv())


async def end_of(socket: ClientConnection) -> int:
    """The code with which the other side closed."""
    async with asyncio.timeout(LIMIT_S):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0


def test_words_and_pings_come_back(headway_home: Path) -> None:
    async def story(w: World) -> None:
        socket, _ = await enter(w)
        assert await echo(socket, "hello") == "hello"
        async with asyncio.timeout(LIMIT_S):
            await (await socket.ping())
        began_s = time.monotonic()
        await socket.close()
        assert time.monotonic() - began_s < 0.5

    with_websockets(headway_home, story)


def test_a_draining_replica_keeps_its_connections_and_says_goodbye_at_the_end(
    headway_home: Path,
) -> None:
    async def story(w: World) -> None:
        old, other = await enter_at(w, "web-1"), await enter_at(w, "web-0")
        await w.publish("web-0")
        await eventually(lambda: w.healthy("web-0"))
        for number in range(4):  # past the deadline of the entry
            assert await echo(old, f"still here {number}") == f"still here {number}"
            socket, host = await enter(w)
            assert host == "web-0"
            await socket.close()
            await w.backend(f"web-{number + 2}")
            await w.publish("web-0")
        w.signal("web-1", signal.SIGTERM)
        assert await end_of(old) == GOING_AWAY
        assert await echo(other, "untouched") == "untouched"
        await other.close()

    with_websockets(headway_home, story)


def test_a_killed_replica_s_users_get_in_again_at_once(headway_home: Path) -> None:
    async def story(w: World) -> None:
        lost = await enter_at(w, "web-1")
        w.signal("web-1", signal.SIGKILL)
        assert await end_of(lost) == 0
        for _ in range(20):
            socket, host = await enter(w)
            assert host == "web-0"
            await socket.close()

    with_websockets(headway_home, story)


def test_no_replica_holds_more_connections_than_its_cap(headway_home: Path) -> None:
    async def story(w: World) -> None:
        tries = await asyncio.gather(*(enter(w) for _ in range(60)), return_exceptions=True)
        got_in = [t[0] for t in tries if not isinstance(t, BaseException)]
        refused = [t for t in tries if isinstance(t, InvalidStatus)]
        assert 4 <= len(got_in) <= 2 * 4, tries
        at_once = [r for r in refused if r.response.status_code == 503]
        assert (
            len(at_once) >= 60 - 2 * 4 - WAITING_MIN
        )  # those wait for a place until they are late
        assert {r.response.headers["retry-after"] for r in at_once} == {"1"}
        peaks = [int(await echo(socket, "peak")) for socket in got_in]
        assert max(peaks) <= 4, peaks
        for socket in got_in:
            await socket.close()

    with_websockets(headway_home, story, in_flight=4)
