"""gRPC through the real Envoy: deadlines, caps, and replicas that come, go and die."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
from tests.contracts.traffic_world import World, established, eventually, free_port, run

from headway.model.desired import Arrow
from headway.model.ids import ServiceName
from headway.model.site import Expect, Health, Overload, Protocol

pytestmark = pytest.mark.contract

WEB = ServiceName("web")
DEADLINE_S = 0.3
PATIENCE_S = 15.0  # of callers that set no deadline of their own; only ends a hanging test
OK, LATE = grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED


class Caller:
    """One channel, as a gRPC client has it."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")

    async def call(
        self, method: str, message: bytes = b"0", timeout_s: float | None = None
    ) -> tuple[grpc.StatusCode, str]:
        """The status, and the answer or what was said instead."""
        ask = self.channel.unary_unary(f"/test.Echo/{method}")
        try:
            async with asyncio.timeout(PATIENCE_S):
                return OK, (await ask(message, timeout=timeout_s)).decode()
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details() or ""

    async def count(self, number: int) -> list[str]:
        answers = self.channel.unary_stream("/test.Echo/Count")(str(number).encode())
        async with asyncio.timeout(PATIENCE_S):
            return [answer.decode() async for answer in answers]


@contextlib.asynccontextmanager
async def caller(port: int) -> AsyncIterator[Caller]:
    made = Caller(port)
    try:
        yield made
    finally:
        await made.channel.close()


def with_grpc(
    folder: Path, story: Callable[[World, Caller], Awaitable[None]], *, in_flight: int = 256
) -> None:
    """`web` speaks gRPC, and `front` calls it with a deadline; the caller is that `front`."""

    async def tell(w: World) -> None:
        w.script = "grpc_backend.py"
        w.describe(
            protocol=Protocol.GRPC,
            health=Health(expect=Expect.CONNECT),
            overload=Overload(in_flight=in_flight),
        )
        w.arrows = (Arrow(ServiceName("front"), WEB, free_port(), DEADLINE_S),)
        await w.serve("web-0", "web-1")
        async with caller(w.arrows[0].port) as front:
            await story(w, front)

    run(folder, tell)


def test_calls_of_one_channel_are_spread_over_all_replicas(headway_home: Path) -> None:
    async def story(_: World, front: Caller) -> None:
        answers = [await front.call("Say") for _ in range(40)]
        assert set(answers) == {(OK, "web-0"), (OK, "web-1")}

    with_grpc(headway_home, story)


def test_a_late_call_ends_with_the_status_that_grpc_knows_for_it(headway_home: Path) -> None:
    async def story(_: World, front: Caller) -> None:
        began_s = time.monotonic()
        status, said = await front.call("Say", b"5000")
        assert status is LATE, said
        assert DEADLINE_S <= time.monotonic() - began_s < 5 * DEADLINE_S

    with_grpc(headway_home, story)


def test_the_callee_is_told_the_arrow_s_deadline_and_a_caller_can_only_shorten_it(
    headway_home: Path,
) -> None:
    async def story(_: World, front: Caller) -> None:
        # A client rounds its timeout up to a whole millisecond.
        for timeout_s, least_ms, most_ms in ((None, 200, 300), (60.0, 200, 300), (0.15, 50, 151)):
            status, left_ms = await front.call("Left", timeout_s=timeout_s)
            assert status is OK
            assert least_ms < int(left_ms) <= most_ms, (timeout_s, left_ms)
        status, said = await front.call("Say", b"5000", timeout_s=60.0)
        assert status is LATE, said

    with_grpc(headway_home, story)


def test_a_stream_is_whole_and_survives_the_removal_of_its_replica(headway_home: Path) -> None:
    async def story(w: World, _: Caller) -> None:
        async with caller(w.entry_port) as users:
            counting = [asyncio.create_task(users.count(60)) for _ in range(16)]
            first = [await users.call("Say") for _ in range(10)]
            assert {status for status, _ in first} == {OK}
            await replace_one(w, "web-1", "web-0")
            streams = await asyncio.gather(*counting)
            assert [len(stream) for stream in streams] == [60] * 16
            assert {stream[0].split()[0] for stream in streams} == {"web-0", "web-1"}
            assert {await users.call("Say") for _ in range(10)} == {(OK, "web-0")}

    with_grpc(headway_home, story)


async def replace_one(w: World, old: str, *others: str) -> None:
    """As the engine does it: out of the endpoints, until it is quiet, then told to end."""
    await w.publish(*others)
    await eventually(lambda: established(w.ports[old]) == 0)
    w.signal(old, signal.SIGTERM)
    await w.backends[old].wait()


def test_calls_survive_a_rolling_change_and_cost_only_those_on_a_killed_replica(
    headway_home: Path,
) -> None:
    async def story(w: World, _: Caller) -> None:
        async with caller(w.entry_port) as users:
            seen: list[tuple[grpc.StatusCode, str]] = []

            async def keep_calling() -> None:
                while True:
                    seen.append(await users.call("Say", b"5"))

            async with asyncio.TaskGroup() as group:
                calling = [group.create_task(keep_calling()) for _ in range(8)]

                async def more(count: int) -> None:
                    goal = len(seen) + count
                    await eventually(lambda: len(seen) >= goal)

                await more(50)
                await w.backend("web-2", "web-3")
                await replace_one(w, "web-0", "web-1", "web-2")
                await more(50)
                await replace_one(w, "web-1", "web-2", "web-3")
                await more(50)
                assert [said for status, said in seen if status is not OK] == []
                w.signal("web-2", signal.SIGKILL)
                await more(200)
                for task in calling:
                    task.cancel()
            failed = [said for status, said in seen if status is not OK]
            assert len(failed) <= 8, failed  # those that were on their way there

    with_grpc(headway_home, story)


def test_no_replica_holds_more_calls_than_its_cap(headway_home: Path) -> None:
    async def story(w: World, _: Caller) -> None:
        async with contextlib.AsyncExitStack() as stack:
            users = [await stack.enter_async_context(caller(w.entry_port)) for _ in range(8)]
            calls = [user.call("Say", b"100") for user in users for _ in range(20)]
            answers = await asyncio.gather(*calls)
            async with caller(w.ports["web-0"]) as direct:
                _, peak = await direct.call("Peak")
        statuses = {status for status, _ in answers}
        assert statuses == {OK, grpc.StatusCode.UNAVAILABLE}
        assert 4 <= int(peak) <= 8, peak

    with_grpc(headway_home, story, in_flight=8)


def test_calls_beyond_the_rate_are_refused_as_resource_exhausted(headway_home: Path) -> None:
    async def story(w: World, front: Caller) -> None:
        w.describe(overload=Overload(rate_per_s=20))
        await w.publish("web-0", "web-1")
        await eventually(w.taken)
        answers = [await front.call("Say") for _ in range(60)]
        assert {status for status, _ in answers} == {OK, grpc.StatusCode.RESOURCE_EXHAUSTED}

    with_grpc(headway_home, story)
