"""What running services are told through the port `Engine`: as files, and by the twin alike."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.engine_world import (
    WEB,
    EngineWorld,
    Kind,
    LocalWorld,
    TwinWorld,
    local_world,
    seen,
    start,
    twin_world,
    until,
)

from headway.engine.io import procfs
from headway.engine.io.control_files import ControlFiles
from headway.model.desired import Controls
from headway.model.errors import EngineError, StaleEpochError
from headway.model.ids import ServiceName

pytestmark = pytest.mark.contract

Story = Callable[[EngineWorld], Awaitable[None]]

UNTIL = datetime(2099, 11, 23, 12, 0, tzinfo=UTC)
DEBUG: Mapping[ServiceName, Controls] = {WEB: Controls("debug", UNTIL)}
SAID = {"version": 1, "log_level": "debug", "log_level_until": "2099-11-23T12:00:00Z"}


@pytest.fixture(params=["local", "simulated"])
def tell(request: pytest.FixtureRequest, headway_home: Path) -> Callable[[Story], None]:
    async def run(story: Story) -> None:
        if request.param == "simulated":
            async with twin_world() as twin:
                await story(twin)
        else:
            async with local_world(headway_home) as local:
                await story(local)

    return lambda story: asyncio.run(run(story))


def local(home: Path, story: Callable[[LocalWorld], Awaitable[None]]) -> None:
    async def run() -> None:
        async with local_world(home) as world:
            await story(world)

    asyncio.run(run())


def file_of(world: LocalWorld) -> Path:
    return world.directory / "control" / "web.json"


def heard(world: EngineWorld) -> dict[str, Any]:
    """What the service `web` would read."""
    if isinstance(world, TwinWorld):
        said = world.engine.words.get(WEB, Controls())
        until = said.log_level_until
        return SAID | {"log_level": said.log_level} if until else {}
    assert isinstance(world, LocalWorld)
    path = file_of(world)
    return dict(json.loads(path.read_text())) if path.exists() else {}


def test_a_service_is_told_and_not_told_any_more(tell: Callable[[Story], None]) -> None:
    async def story(w: EngineWorld) -> None:
        assert heard(w) == {}
        for _ in range(2):
            await w.engine.tell(DEBUG, 1)
            assert heard(w) == SAID
        await w.engine.tell({WEB: replace(DEBUG[WEB], log_level="error")}, 1)
        assert heard(w)["log_level"] == "error"
        await w.engine.tell({}, 1)
        assert heard(w) == {}

    tell(story)


def test_one_whose_time_is_over_tells_nobody_anything(tell: Callable[[Story], None]) -> None:
    async def story(w: EngineWorld) -> None:
        await w.engine.tell({}, 5)
        await start(w, "web-0", w.launch(Kind.SERVES), epoch=5)
        with pytest.raises(StaleEpochError):
            await w.engine.tell(DEBUG, 4)
        assert heard(w) == {}

    tell(story)


def test_a_replica_knows_where_to_look_and_is_known_to_know(tell: Callable[[Story], None]) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        process = await seen(w, "web-0")
        assert process.has_control
        if isinstance(w, LocalWorld):
            # Until it has become the replica's own program it bears its parent's environment.
            await until(w, lambda _: "HW_CONTROL" in procfs.environ(process.pid))
            assert procfs.environ(process.pid)["HW_CONTROL"] == str(file_of(w))

    tell(story)


def test_what_was_damaged_or_left_behind_is_put_right_by_whoever_comes_after(
    headway_home: Path,
) -> None:
    async def story(w: LocalWorld) -> None:
        await w.engine.tell(DEBUG, 1)
        await w.engine.close()
        file_of(w).write_text('{"version": 1, "log_le')
        (file_of(w).parent / "gone.json").write_text("{}")
        (file_of(w).parent / "web.json.new").write_text("{")
        w.engine = w.new_engine(epoch=2)
        await w.begin()
        await w.engine.tell(DEBUG, 2)
        assert heard(w) == SAID
        assert [path.name for path in file_of(w).parent.iterdir()] == ["web.json"]
        assert file_of(w).stat().st_mode & 0o777 == 0o600

    local(headway_home, story)


@pytest.mark.timeout(30)
def test_whatever_a_service_puts_in_its_place_holds_nobody_up(tmp_path: Path) -> None:
    files, foreign = ControlFiles(tmp_path / "control"), tmp_path / "foreign"
    files.lay(DEBUG)
    path = files.path(WEB)
    path.unlink()
    os.mkfifo(path)  # to open it for reading would be to wait for a writer
    assert files.differ(DEBUG)
    files.lay(DEBUG)
    assert json.loads(path.read_text()) == SAID
    foreign.write_text("nobody's business")
    path.unlink()
    path.symlink_to(foreign)
    path.with_name("web.json.new").symlink_to(foreign)
    files.lay(DEBUG)
    assert not path.is_symlink()
    assert json.loads(path.read_text()) == SAID
    assert foreign.read_text() == "nobody's business"


def test_one_whose_place_is_taken_does_not_keep_the_others_from_being_told(tmp_path: Path) -> None:
    files, ads = ControlFiles(tmp_path / "control"), ServiceName("ads")
    files.path(ads).mkdir(parents=True)
    with pytest.raises(EngineError, match=r"ads\.json"):
        files.lay({ads: DEBUG[WEB], **DEBUG})
    assert json.loads(files.path(WEB).read_text()) == SAID


def test_what_cannot_be_written_is_said_and_written_as_soon_as_it_can(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        folder = file_of(w).parent
        folder.write_text("in the way")
        with pytest.raises(EngineError, match="services cannot be told anything"):
            await w.engine.tell(DEBUG, 1)
        folder.unlink()
        await w.engine.tell(DEBUG, 1)
        assert heard(w) == SAID

    local(headway_home, story)
