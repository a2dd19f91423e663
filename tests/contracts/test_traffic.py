"""What the port `Traffic` means, held by the real Envoy before real servers.

Every test drives its own Envoy; the times in the assertions are promises to users, doubled for a
busy machine.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.contracts.traffic_world import World, established, eventually, load, world

pytestmark = pytest.mark.contract

Story = Callable[[World], Awaitable[None]]


def run(folder: Path, story: Story) -> None:
    async def tell() -> None:
        async with world(folder) as w:
            await story(w)

    asyncio.run(tell())


def test_requests_are_spread_over_all_replicas(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1", "web-2")
        async with load(w.entry_port, 8) as running:
            await running.until(600)
        assert running.statuses().keys() == {200}
        assert min(running.replicas()[f"web-{n}"] for n in range(3)) > 100

    run(headway_home, story)


def test_a_killed_replica_costs_no_get(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1", "web-2")
        async with load(w.entry_port, 8, "/slow?ms=2") as running:
            await running.until(200)
            w.signal("web-1", signal.SIGKILL)
            await running.until(1000)
        assert running.statuses().keys() == {200}, running.statuses()

    run(headway_home, story)


def test_a_frozen_replica_is_out_soon_and_costs_no_get(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1", "web-2")
        async with load(w.entry_port, 8, "/slow?ms=2") as running:
            await running.until(200)
            frozen_s = time.monotonic()
            w.signal("web-1", signal.SIGSTOP)
            await eventually(lambda: w.healthy("web-0", "web-2"))
            out_s = time.monotonic() - frozen_s
            await running.until(1000)
        assert running.statuses().keys() == {200}, running.statuses()
        assert out_s < 0.6, out_s
        assert max(a.took_s for a in running.answers) < 1.0

    run(headway_home, story)


def test_who_says_no_gets_nothing_soon(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1", "web-2")
        async with load(w.entry_port) as running:
            await w.tell("web-1", "/set?health=NOT")
            told_s = time.monotonic()
            await eventually(lambda: w.healthy("web-0", "web-2"))
            await running.until(300)
        assert running.statuses().keys() == {200}
        assert running.last_began_s("web-1") - told_s < 0.2

    run(headway_home, story)


def test_a_removed_replica_ends_its_requests_and_falls_quiet(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        async with load(w.entry_port, 8, "/slow?ms=20") as running:
            await running.until(100)
            await w.publish("web-0")
            gone_s = time.monotonic()
            await eventually(lambda: established(w.ports["web-1"]) == 0, 2.0)
            quiet_s = time.monotonic() - gone_s
            await running.until(200)
        assert running.statuses().keys() == {200}, running.statuses()
        assert running.last_began_s("web-1") - gone_s < 0.05
        assert quiet_s < 0.5, quiet_s
        assert w.traffic.routed() == {"web-0"}

    run(headway_home, story)
