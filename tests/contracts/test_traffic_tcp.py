"""Plain TCP through the real Envoy: connections are spread, capped, and let end."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.contracts.traffic_world import World, eventually, run

from headway.model.site import Balance, Expect, HashKey, HashOn, Health, Overload, Protocol
from headway.traffic.clusters import WAITING_MIN

pytestmark = pytest.mark.contract

LIMIT_S = 10.0


class Session:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.host = ""

    async def line(self) -> str:
        """What comes next; empty when the other side has closed."""
        async with asyncio.timeout(LIMIT_S):
            try:
                return (await self._reader.readline()).decode().strip()
            except OSError:
                return ""

    async def echo(self, word: str) -> str:
        self._writer.write(f"{word}\n".encode())
        return await self.line()

    def close(self) -> None:
        self._writer.close()


async def enter(w: World) -> Session:
    session = Session(*await asyncio.open_connection("127.0.0.1", w.entry_port))
    session.host = await session.line()
    return session


async def enter_at(w: World, name: str) -> Session:
    for _ in range(50):
        session = await enter(w)
        if session.host == name:
            return session
        session.close()
    raise AssertionError(f"never at {name}")


async def hosts_of(w: World, count: int) -> Counter[str]:
    sessions = [await enter(w) for _ in range(count)]
    for session in sessions:
        session.close()
    return Counter(session.host for session in sessions)


def with_tcp(
    folder: Path, story: Callable[[World], Awaitable[None]], *, in_flight: int = 256
) -> None:
    async def tell(w: World) -> None:
        w.script = "line_backend.py"
        w.describe(
            protocol=Protocol.TCP,
            health=Health(expect=Expect.CONNECT),
            overload=Overload(in_flight=in_flight),
        )
        await w.serve("web-0", "web-1")
        await story(w)

    run(folder, tell)


def test_connections_are_spread_and_lines_come_back(headway_home: Path) -> None:
    async def story(w: World) -> None:
        session = await enter(w)
        assert [await session.echo(word) for word in ("one", "two")] == ["one", "two"]
        session.close()
        assert (await hosts_of(w, 40)).keys() == {"web-0", "web-1"}

    with_tcp(headway_home, story)


def test_a_draining_replica_s_connections_are_let_end(headway_home: Path) -> None:
    async def story(w: World) -> None:
        session = await enter_at(w, "web-1")
        await w.publish("web-0")
        await eventually(lambda: w.healthy("web-0"))
        w.signal("web-1", signal.SIGTERM)
        assert (await hosts_of(w, 20)).keys() == {"web-0"}
        assert await session.echo("still here") == "still here"
        session.close()
        async with asyncio.timeout(LIMIT_S):
            await w.backends["web-1"].wait()

    with_tcp(headway_home, story)


def test_connections_after_a_kill_all_succeed(headway_home: Path) -> None:
    async def story(w: World) -> None:
        lost = await enter_at(w, "web-1")
        w.signal("web-1", signal.SIGKILL)
        await w.backends["web-1"].wait()
        assert await lost.echo("anybody?") == ""
        lost.close()
        assert (await hosts_of(w, 60)) == {"web-0": 60}

    with_tcp(headway_home, story)


def test_a_rolling_change_refuses_nobody(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.backend("web-2", "web-3")
        met: Counter[str] = Counter()
        for names in (("web-1", "web-2"), ("web-2", "web-3"), ("web-3",)):
            await w.publish(*names)
            met += await hosts_of(w, 20)
            await eventually(lambda names=names: w.healthy(*names))  # type: ignore[misc]
        assert met.total() == 60
        assert "" not in met

    with_tcp(headway_home, story)


def test_no_replica_holds_more_connections_than_its_cap(headway_home: Path) -> None:
    async def story(w: World) -> None:
        opened = [await asyncio.open_connection("127.0.0.1", w.entry_port) for _ in range(60)]
        sessions = [Session(*pair) for pair in opened]
        greetings = [asyncio.create_task(session.line()) for session in sessions]
        # Beyond the cap some wait for a place; all others are turned away at once.
        answered = len(sessions) - WAITING_MIN
        await eventually(lambda: sum(task.done() for task in greetings) >= answered)
        inside = [
            s for s, g in zip(sessions, greetings, strict=True) if g.done() and g.result() != ""
        ]
        assert 4 <= len(inside) <= 2 * 4
        peaks = [int(await session.echo("peak")) for session in inside]
        for task in greetings:
            task.cancel()
        await asyncio.wait(greetings)
        for session in sessions:
            session.close()
        assert max(peaks) <= 4 + 1, peaks  # and Envoy's check for a moment

    with_tcp(headway_home, story, in_flight=4)


def test_a_client_keeps_its_replica_by_where_it_comes_from(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.HASH, hash_key=HashKey(HashOn.SOURCE))
        await w.publish("web-0", "web-1")
        await eventually(w.taken)
        assert len(await hosts_of(w, 20)) == 1

    with_tcp(headway_home, story)
