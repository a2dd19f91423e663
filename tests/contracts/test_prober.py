"""Headway's own health check before real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from headway.engine.io.probe import Prober, ProbeRates, Target
from headway.model.observed import Probe
from headway.model.site import Expect, Health

pytestmark = pytest.mark.contract

RATES = ProbeRates(unclear_every_s=0.02, clear_every_s=0.05, unclear_for_s=0.1)
LIMIT_S = 10.0
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Says what it is told to say; nothing at all when told nothing."""

    def __init__(self) -> None:
        self.says: bytes | None = GOOD
        self.asked = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        if self.says is not None:
            await reader.readline()
            writer.write(self.says)
        else:
            await reader.read()
        writer.close()


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[Probe, str]] = []
        self._news = asyncio.Event()

    def hear(self, _: Target, probe: Probe, address: str) -> None:
        self.heard.append((probe, address))
        self._news.set()

    async def until(self, condition: Callable[[Probe], bool]) -> Probe:
        async with asyncio.timeout(LIMIT_S):
            while not self.heard or not condition(self.heard[-1][0]):
                await self._news.wait()
                self._news.clear()
        return self.heard[-1][0]


@asynccontextmanager
async def serving(address: str) -> AsyncIterator[tuple[Server, int]]:
    server = Server()
    listener = await asyncio.start_server(server.answer, address, 0)
    try:
        yield server, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await listener.wait_closed()


def run(
    story: Callable[[Server, Ear], Awaitable[None]],
    *,
    address: str = "127.0.0.1",
    expect: Expect = Expect.OK,
) -> None:
    async def tell() -> None:
        ear = Ear()
        prober = Prober(RATES, now=lambda: datetime.now(UTC), heard=ear.hear)
        async with serving(address) as (server, port):
            prober.aim({Target("web-0", 1, port, Health(expect=expect, timeout_s=0.25)): None})
            try:
                await story(server, ear)
            finally:
                await prober.close()

    asyncio.run(tell())


def test_only_changes_are_told() -> None:
    async def story(server: Server, ear: Ear) -> None:
        first = await ear.until(lambda p: p.ok)
        assert first.first_ok_at == first.since == first.at
        asked = server.asked
        async with asyncio.timeout(LIMIT_S):
            while server.asked < asked + 10:
                await asyncio.sleep(0.005)
                assert len(ear.heard) == 1
        server.says = BUSY
        busy = await ear.until(lambda p: not p.ok)
        assert busy.answer == "503 Service Unavailable"
        assert busy.first_ok_at == first.first_ok_at
        assert busy.since > first.since
        server.says = GOOD
        again = await ear.until(lambda p: p.ok)
        assert again.first_ok_at == first.first_ok_at
        assert again.since > busy.since
        assert (first.away_s, busy.away_s) == (0, 0)
        assert again.away_s == (again.since - busy.since).total_seconds()

    run(story)


def test_silence_is_told_with_its_length() -> None:
    async def story(server: Server, ear: Ear) -> None:
        server.says = None
        probe = await ear.until(lambda p: not p.ok)
        assert probe.answer == "no answer in 250 ms"

    run(story)


def test_what_serves_only_on_ipv6_is_found(not_run: Callable[[str], None]) -> None:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        not_run("no IPv6 on this machine")

    async def story(server: Server, ear: Ear) -> None:
        probe = await ear.until(lambda p: p.ok)
        assert probe.asked.startswith("GET http://[::1]:")
        assert ear.heard[-1][1] == "::1"

    run(story, address="::1")


def test_a_connection_is_enough_where_nothing_more_is_expected() -> None:
    async def story(server: Server, ear: Ear) -> None:
        server.says = None
        probe = await ear.until(lambda p: p.ok)
        assert probe.answer == "connected"
        assert probe.asked.startswith("connect to 127.0.0.1:")

    run(story, expect=Expect.CONNECT)


def test_nobody_there_is_a_refused_connection() -> None:
    async def tell() -> None:
        ear = Ear()
        prober = Prober(RATES, now=lambda: datetime.now(UTC), heard=ear.hear)
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            prober.aim({Target("web-0", 1, port, Health()): None})
            probe = await ear.until(lambda p: not p.ok)
            assert probe.answer == "connection refused"
            assert probe.first_ok_at is None
            await prober.close()

    asyncio.run(tell())
