"""The generator against small servers that do one thing each, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

from benchmarks.load import ClosedLoop, Limits, OpenLoop, Target, Users, run_for
from benchmarks.summary import Record, summarize

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-replica: a\r\n\r\nOK"
OK_AND_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK"


@asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[Target]:
    async def handle_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left
        finally:
            writer.close()

    server = await asyncio.start_server(handle_and_close, "127.0.0.1", 0)
    try:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1], "/search?q=x")
    finally:
        server.close()
        await asyncio.sleep(0)


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def open_loop(
    target: Target, limits: Limits, rate_s: float = 200.0, duration_s: float = 0.2
) -> list[Record]:
    return await run_for(OpenLoop(Users(target, limits), rate_s), duration_s)


async def idle_connections_to_end(users: Users) -> None:
    for _ in range(100_000):  # turns of the loop; loopback needs a few
        if not users._pool.idle:
            return
        await asyncio.sleep(0)
    raise AssertionError("the server's end of the connection was never noticed")


def test_arrivals_keep_their_rate_although_nobody_answers() -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def story() -> None:
        async with serving(say_nothing) as target:
            records = await open_loop(target, Limits(timeout_s=0.1))
        due = [r.due_s for r in sorted(records, key=lambda r: r.due_s)]
        steps = [later - earlier for earlier, later in pairwise(due)]
        assert len(records) >= 20
        assert all(abs(step - 1 / 200) < 1e-6 for step in steps)
        assert {r.error for r in records} == {"timeout"}

    asyncio.run(story())


def test_connections_are_kept_and_reused() -> None:
    connected: list[int] = []

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(1)
        while True:
            await head(reader)
            writer.write(OK)

    async def story() -> None:
        async with serving(answer_all) as target:
            records = await open_loop(target, Limits(connections_max=4))
        assert all(r.ok and r.answered_by == "a" for r in records)
        assert len(connected) <= 4 < len(records)

    asyncio.run(story())


def test_connection_close_is_honoured_and_loses_nothing() -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK_AND_CLOSE)
        await writer.drain()

    async def story() -> None:
        async with serving(answer_once) as target:
            records = await open_loop(target, Limits())
        assert summarize(records).failed_by_kind == {}

    asyncio.run(story())


def test_a_connection_closed_while_idle_is_replaced_before_the_next_request() -> None:
    async def answer_once_silently(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await head(reader)
        writer.write(OK)  # and closes, without having said so
        await writer.drain()

    async def story() -> None:
        async with serving(answer_once_silently) as target:
            users = Users(target, Limits())
            for _ in range(3):
                users.send(users.now_s)
                await users.finish()
                await idle_connections_to_end(users)
        assert [r.status for r in users.records] == [200, 200, 200]

    asyncio.run(story())


def test_a_request_cut_off_in_the_middle_fails_and_is_not_sent_again() -> None:
    requests: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        requests.append(await head(reader))

    async def story() -> None:
        async with serving(hang_up) as target:
            records = await open_loop(target, Limits(), duration_s=0.1)
        assert {r.error for r in records} <= {"closed early", "reset"}
        assert len(requests) == len(records)

    asyncio.run(story())


def test_posts_carry_ids_that_never_repeat() -> None:
    ids: list[bytes] = []

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await head(reader)
            fields = dict(line.split(b": ") for line in request.split(b"\r\n")[1:] if line)
            ids.append(fields[b"x-request-id"])
            assert await reader.readexactly(int(fields.get(b"content-length", 0)))
            writer.write(OK)

    async def story() -> None:
        async with serving(collect) as target:
            records = await open_loop(target, Limits(post_every=1))
        assert {r.method for r in records} == {"POST"}
        assert len(set(ids)) == len(ids) == len(records)

    asyncio.run(story())


def test_a_refused_connection_is_one_failure_each() -> None:
    async def never(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        return

    async def story() -> None:
        async with serving(never) as target:
            gone = target
        records = await open_loop(gone, Limits(connections_max=2), duration_s=0.1)
        assert {r.error for r in records} == {"refused"}

    asyncio.run(story())


def test_what_is_not_http_is_a_failure_not_a_crash() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"\0\1\2 hello\r\n\r\n")
        await writer.drain()

    async def story() -> None:
        async with serving(babble) as target:
            records = await open_loop(target, Limits(), duration_s=0.05)
        assert {r.error for r in records} == {"not HTTP"}

    asyncio.run(story())


def test_a_closed_loop_never_has_more_requests_than_users() -> None:
    busy = [0, 0]  # now, at most

    async def answer_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await head(reader)
            busy[0] += 1
            busy[1] = max(busy)
            await asyncio.sleep(0.005)
            busy[0] -= 1
            writer.write(OK)

    async def story() -> None:
        async with serving(answer_slowly) as target:
            records = await run_for(ClosedLoop(Users(target, Limits()), user_count=3), 0.2)
        assert len(records) > 6
        assert all(r.ok for r in records)
        assert busy[1] <= 3

    asyncio.run(story())


def test_a_failure_is_named_by_the_reason_that_the_proxy_gives() -> None:
    reason = b"upstream connect error or disconnect/reset before headers. reset reason: overflow"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        line = f"HTTP/1.1 503 No\r\ncontent-length: {len(reason)}\r\nconnection: close\r\n\r\n"
        writer.write(line.encode() + reason)

    async def story() -> None:
        async with serving(refuse) as target:
            records = await open_loop(target, Limits())
        assert {(r.kind, r.status) for r in records} == {("503 overflow", 503)}

    asyncio.run(story())
