"""What the port `Traffic` means, held by the real Envoy before real servers.

Every test drives its own Envoy; the times in the assertions are promises to users, doubled for a
busy machine.
"""

import signal
import time
from pathlib import Path

import pytest
from tests.contracts.traffic_world import World, established, eventually, load, run

pytestmark = pytest.mark.contract


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
            w.signal("web-1", signal.SIGSTOP)
            await eventually(lambda: w.healthy("web-0", "web-2"))
            await running.until(1000)
        assert running.statuses().keys() == {200}, running.statuses()

    run(headway_home, story)


def test_who_says_no_gets_nothing_soon(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1", "web-2")
        async with load(w.entry_port) as running:
            await w.tell("web-1", "/set?health=NOT")
            await eventually(lambda: w.healthy("web-0", "web-2"))
            await running.until(100)  # what began before
            out_s = time.monotonic()
            await running.until(300)
        assert running.statuses().keys() == {200}
        assert running.last_began_s("web-1") < out_s

    run(headway_home, story)


def test_a_removed_replica_ends_its_requests_and_falls_quiet(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        async with load(w.entry_port, 8, "/slow?ms=20") as running:
            await running.until(100)
            await w.publish("web-0")
            await eventually(lambda: established(w.ports["web-1"]) == 0, 10.0)
            quiet_s = time.monotonic()
            await running.until(200)
        assert running.statuses().keys() == {200}, running.statuses()
        assert running.last_began_s("web-1") < quiet_s
        assert w.traffic.routed() == {"web-0"}

    run(headway_home, story)


def test_a_post_is_never_sent_twice(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1", "web-2")
        for number in range(10):
            answer = await w.ask("/drop", "POST", {"id": f"dropped-{number}"})
            assert answer.status == 503
            answer = await w.ask("/status?code=503", "POST", {"id": f"refused-{number}"})
            assert answer.status == 503
        read = await w.requests_read()
        assert len(read) == len(set(read)) == 20

    run(headway_home, story)


def test_a_post_to_a_dead_replica_goes_to_a_living_one(headway_home: Path) -> None:
    """Nothing of it has left Envoy when a connection is refused: it may go elsewhere."""

    async def story(w: World) -> None:
        await w.serve("web-0", "web-1", "web-2")
        w.signal("web-1", signal.SIGKILL)
        await w.backends["web-1"].wait()
        answers = [await w.ask("/", "POST") for _ in range(60)]
        assert {a.status for a in answers} == {200}

    run(headway_home, story)


def test_checks_that_all_fail_at_once_are_not_believed(headway_home: Path) -> None:
    async def story(w: World) -> None:
        names = ("web-0", "web-1", "web-2")
        await w.serve(*names)
        for name in names:
            await w.tell(name, "/set?health_ms=500")
        await eventually(w.healthy)
        async with load(w.entry_port) as running:
            await running.until(300)
        assert running.statuses().keys() == {200}
        assert running.replicas().keys() == set(names)

    run(headway_home, story)


def test_the_whole_fleet_may_be_exchanged_at_once(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        await w.backend("web-2", "web-3")
        async with load(w.entry_port, 8) as running:
            await running.until(100)
            await w.publish("web-2", "web-3")
            await running.until(300)
        assert running.statuses().keys() == {200}, running.statuses()
        assert running.answers[-1].replica in {"web-2", "web-3"}

    run(headway_home, story)
