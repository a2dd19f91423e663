"""Envoy itself: replaced by a twin without a failed request, and cleaned up after a broken try."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.contracts.traffic_world import LIMITS, SmallKeeper, World, eventually, load, run

from headway.model.errors import TrafficError
from headway.traffic.io.envoy import Envoy, find_envoy

pytestmark = pytest.mark.contract


def test_a_twin_takes_over_without_a_failed_request(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        async with (
            load(w.entry_port, 4, "/slow?ms=5") as lasting,
            load(w.entry_port, 2, reconnect=True) as fresh,
        ):
            await lasting.until(50)
            await w.envoy.replace()
            await lasting.until(50)
            await fresh.until(50)
        assert lasting.statuses().keys() == fresh.statuses().keys() == {200}
        assert w.keeper.kept.keys() == {"envoy-2"}
        assert await w.traffic.confirm() == []
        await w.publish("web-0")
        await eventually(lambda: w.healthy("web-0"))
        assert (await w.ask()).replica == "web-0"

    run(headway_home, story)


def test_a_twin_that_does_not_start_changes_nothing(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0")
        broken = Envoy(
            node="test",
            directory=w.directory,
            binary=Path("/bin/false"),
            keeper=w.keeper,
            workers=1,
            limits=LIMITS,
            live_within_s=0.3,
        )
        with pytest.raises(TrafficError, match="did not start in"):
            await broken.replace()
        assert w.keeper.kept.keys() == {"envoy-1"}
        assert (await w.ask()).status == 200
        await w.envoy.ensure()
        assert (await w.ask()).status == 200

    run(headway_home, story)


class BreakingKeeper(SmallKeeper):
    """Whoever drives it is lost at the first `unkeep`, as when the daemon is killed there."""

    broken = False

    async def unkeep(self, name: str, grace_s: float) -> None:
        if self.broken:
            raise asyncio.CancelledError
        await super().unkeep(name, grace_s)


def test_a_replacement_that_broke_off_is_finished_later(headway_home: Path) -> None:
    async def story(w: World) -> None:
        keeper = BreakingKeeper()
        w.keeper = keeper
        w.envoy = w.new_envoy()
        await w.serve("web-0")
        keeper.broken = True
        with pytest.raises(asyncio.CancelledError):
            await w.envoy.replace()
        keeper.broken = False
        assert keeper.kept.keys() == {"envoy-1", "envoy-2"}
        w.envoy = w.new_envoy()
        await w.envoy.ensure()
        assert keeper.kept.keys() == {"envoy-2"}
        assert (await w.ask()).status == 200
        remembered = json.loads((headway_home / "generation.json").read_text(encoding="utf-8"))
        assert remembered == {"serving": 2, "arriving": None, "leaving": None}

    run(headway_home, story)


def test_a_lost_memory_of_generations_is_read_from_what_was_started(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0")
        await w.envoy.replace()
        (headway_home / "generation.json").write_text("", encoding="utf-8")
        w.envoy = w.new_envoy()
        await w.envoy.ensure()
        assert w.keeper.kept.keys() == {"envoy-2"}
        assert (await w.ask()).status == 200

    run(headway_home, story)


def test_another_bootstrap_is_noticed(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0")
        assert not w.envoy.outdated()
        other = w.new_envoy(node="renamed")
        assert other.outdated()
        await other.replace()
        assert not other.outdated()

    run(headway_home, story)


def test_the_whole_proxy_can_be_ended(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0")
        await w.envoy.retire()
        assert not w.keeper.kept
        assert (await w.ask()).status == 0

    run(headway_home, story)


def test_a_path_that_the_kernel_cannot_bind_is_refused_with_a_remedy(headway_home: Path) -> None:
    deep = headway_home / ("d" * 90)
    with pytest.raises(TrafficError, match="too long") as refused:
        World(deep)
    assert "HEADWAY_HOME" in refused.value.remedy


def test_the_binary_itself_is_run_not_its_wrapper() -> None:
    with find_envoy().open("rb") as binary:
        assert binary.read(4) == b"\x7fELF"
