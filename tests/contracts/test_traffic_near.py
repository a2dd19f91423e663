"""Near replicas first, far ones when the near cannot carry the load: the real Envoy spills over."""

import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contracts.traffic_world import Load, World, eventually, load, run

from headway.model.rotation import Share

pytestmark = pytest.mark.contract

NEAR, FAR = ("web-0", "web-1"), ("web-2", "web-3")


def shares(w: World, *names: str) -> list[Share]:
    return [replace(s, near=s.replica.id in NEAR) for s in w.rotation(*names)]


async def serve(w: World) -> None:
    await w.serve(*NEAR, *FAR)
    await w.share(shares(w, *NEAR, *FAR))
    await eventually(w.taken)
    await eventually(lambda: w.healthy(*NEAR, *FAR))


async def answering(running: Load, count: int = 200) -> Counter[str]:
    """Who answers what begins now; what began before is let end first."""
    await running.until(20)
    since_s = time.monotonic()
    await running.until(count)
    return running.replicas(since_s)


def test_far_replicas_rest_while_the_near_ones_are_well_and_carry_all_when_they_are_not(
    headway_home: Path,
) -> None:
    async def story(w: World) -> None:
        await serve(w)
        async with load(w.entry_port, 8, "/slow?ms=2") as running:
            assert (await answering(running)).keys() == set(NEAR)
            for name in NEAR:
                w.signal(name, signal.SIGKILL)
            await eventually(lambda: w.healthy(*FAR))
            assert (await answering(running)).keys() == set(FAR)
            await w.share(shares(w, *FAR))
            await eventually(w.taken)
            assert (await answering(running)).keys() == set(FAR)
            await w.backend(*NEAR)
            await w.share(shares(w, *NEAR, *FAR))
            await eventually(lambda: w.healthy(*NEAR, *FAR))
            assert (await answering(running)).keys() == set(NEAR)
        assert running.statuses().keys() == {200}, running.statuses()

    run(headway_home, story)


def test_one_of_two_near_replicas_alone_is_helped_by_the_far_ones(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await serve(w)
        await w.tell("web-0", "/set?health=NOT")
        await eventually(lambda: w.healthy("web-1", *FAR))
        async with load(w.entry_port, 8) as running:
            counts = await answering(running, 600)
        assert running.statuses().keys() == {200}
        # Half of them times 1.4 is the part that the near ones are trusted with.
        assert 0.6 < counts["web-1"] / counts.total() < 0.8, counts

    run(headway_home, story)


def test_near_checks_that_all_fail_at_once_are_believed_while_far_ones_pass(
    headway_home: Path,
) -> None:
    """No panic: there is somebody else to ask. Only when nobody is left all are asked."""

    async def story(w: World) -> None:
        await serve(w)
        for name in NEAR:
            await w.tell(name, "/set?health=NOT")
        await eventually(lambda: w.healthy(*FAR))
        async with load(w.entry_port, 8) as running:
            assert (await answering(running)).keys() == set(FAR)
            await w.tell("web-2", "/set?health=NOT")
            await eventually(lambda: w.healthy("web-3"))
            assert (await answering(running)).keys() == {"web-3"}
            await w.tell("web-3", "/set?health=NOT")
            await eventually(w.healthy)
            assert (await answering(running)).keys() == {*NEAR, *FAR}
        assert running.statuses().keys() == {200}, running.statuses()

    run(headway_home, story)
