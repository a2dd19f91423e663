"""Hosts that a site describes are places on this machine: replicas learn theirs and keep it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.contracts.engine_world import HOST, Kind, LocalWorld, healthy, local_world, seen, start

from headway.engine.io import procfs
from headway.model.ids import HostName
from headway.model.site import DescribedHost

pytestmark = pytest.mark.contract

EAST = DescribedHost(HostName("a"), "east", weight=3)
WEST = DescribedHost(HostName("b"), "west")


def run(folder: Path, story: Callable[[LocalWorld], Awaitable[None]]) -> None:
    async def tell() -> None:
        async with local_world(folder) as world:
            await story(world)

    asyncio.run(tell())


def test_a_replica_is_where_it_was_put_and_is_told_so(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        w.engine.set_hosts((EAST, WEST))
        hosts = (await w.engine.observe()).hosts
        assert [(h.name, h.zone, h.cpu, h.weight) for h in hosts] == [
            ("a", "east", HOST.cpu * 0.75, 3),
            ("b", "west", HOST.cpu * 0.25, 1),
        ]
        await start(w, "web-1", w.launch(Kind.SERVES), host=WEST.name)
        process = await healthy(w, "web-1")
        env = procfs.environ(process.pid)
        assert (process.host, env["HW_HOST"], env["HW_ZONE"]) == ("b", "b", "west")

    run(headway_home, story)


def test_where_a_replica_is_and_since_when_it_serves_outlives_the_daemon(
    headway_home: Path,
) -> None:
    async def story(w: LocalWorld) -> None:
        w.engine.set_hosts((EAST, WEST))
        await start(w, "web-1", w.launch(Kind.SERVES), host=WEST.name)
        before = await healthy(w, "web-1")
        await w.engine.close()
        w.engine = w.new_engine(epoch=2)
        w.engine.set_hosts((EAST, WEST))
        await w.engine.start()
        after = await healthy(w, "web-1")
        assert (after.host, after.pid) == ("b", before.pid)
        assert before.probe is not None
        assert after.probe is not None
        assert before.probe.first_ok_at is not None
        assert after.probe.first_ok_at is not None
        moved_s = (after.probe.first_ok_at - before.probe.first_ok_at).total_seconds()
        assert abs(moved_s) < 0.5, "else its slow start would begin anew"

    run(headway_home, story)


def test_where_no_hosts_are_described_all_is_on_this_machine_whatever_it_was_called(
    headway_home: Path,
) -> None:
    async def story(w: LocalWorld) -> None:
        w.engine.set_hosts((EAST, WEST))
        await start(w, "web-1", w.launch(Kind.SERVES), host=WEST.name)
        await healthy(w, "web-1")
        w.engine.set_hosts(())
        assert (await seen(w, "web-1")).host == HOST.name
        assert (await w.engine.observe()).hosts == (HOST,)

    run(headway_home, story)
