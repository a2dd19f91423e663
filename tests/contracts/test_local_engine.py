"""What only a machine can show: environments, process trees, signals, ports and logs."""

import asyncio
import json
import os
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.contracts.engine_world import (
    Kind,
    LocalWorld,
    drain,
    ended,
    eventually,
    healthy,
    local_world,
    python,
    seen,
    server,
    start,
    stop,
    until,
)

from headway.engine.io import procfs
from headway.engine.io.log_files import LOG_BYTES_MAX
from headway.model.release import Launch

pytestmark = pytest.mark.contract

Story = Callable[[LocalWorld], Awaitable[None]]
KEPT = "envoy-0"


def run(folder: Path, story: Story, *, public_listen_allowed: bool = False) -> None:
    async def tell() -> None:
        async with local_world(folder, public_listen_allowed=public_listen_allowed) as world:
            await story(world)

    asyncio.run(tell())


def test_the_environment_is_exactly_what_was_promised(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        launch = Launch(
            (*python("import os, sys; print(sys.argv[1:], dict(os.environ))"), "$PORT", "$HOME"),
            (("KEY", "${secret:token}"), ("URL", "http://x:$PORT/${HW_REPLICA}")),
            str(w.directory),
        )
        await start(w, "web-0", launch)
        process = await ended(w, "web-0")
        said = w.engine.log_tail("web-0", 1)[0]
        words, _, env_text = said.partition("] ")
        env = json.loads(env_text.replace("'", '"'))
        env.pop("LC_CTYPE", None)  # Python's own
        assert words == f"['{process.port}', '$HOME'"
        assert env.pop("HW_LIFE")
        assert env.pop("PATH").split(":")[0] == str(Path(sys.executable).parent)
        assert env.pop("HOME") == os.environ["HOME"]
        assert env == {
            "PORT": str(process.port),
            "HW_SERVICE": "web",
            "HW_REPLICA": "web-0",
            "HW_RELEASE": "r1",
            "HW_ENV": "contract/test",
            "HW_HOST": "here",
            "HW_ZONE": "here",
            "HW_CONTROL": str(w.directory / "control" / "web.json"),
            "HW_SECRET_NAMES": "KEY",
            "LANG": "C.UTF-8",
            "KEY": "planted-secret",
            "URL": f"http://x:{process.port}/web-0",
        }

    run(headway_home, story)


def test_no_secret_is_ever_written_down(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        launch = w.command(*server("${secret:token}"), env={"KEY": "${secret:token}"})
        await start(w, "web-0", launch)
        await healthy(w, "web-0")
        files = [path for path in w.directory.rglob("*") if path.is_file()]
        assert any(path.name == "keeper.json" for path in files)
        assert [path for path in files if b"planted" in path.read_bytes()] == []

    run(headway_home, story)


def test_an_unknown_secret_is_an_outcome_that_names_it(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        outcome = await start(w, "web-0", w.command("true", env={"KEY": "${secret:lost}"}))
        assert not outcome.ok
        assert "lost" in outcome.detail

    run(headway_home, story)


def test_files_and_socket_are_for_their_owner_only(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.EXITS_0))
        await ended(w, "web-0")
        await eventually((w.directory / "keeper.json").exists)
        for path in (w.directory / "keeper.sock", w.engine.log_path("web-0")):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    run(headway_home, story)


@pytest.mark.parametrize(
    ("argv", "directory", "status", "note"),
    [
        (("no-such-command",), ".", 127, "command not found: no-such-command"),
        (("./nothing",), ".", 127, "command not found: ./nothing"),
        (("./keeper.json",), ".", 126, "cannot be executed: ./keeper.json"),
        (("true",), "gone", 126, "its directory does not exist"),
    ],
)
def test_what_cannot_be_started_has_ended_and_says_why(
    headway_home: Path, argv: tuple[str, ...], directory: str, status: int, note: str
) -> None:
    async def story(w: LocalWorld) -> None:
        outcome = await start(w, "web-0", Launch(argv, (), str(w.directory / directory)))
        assert outcome.ok, outcome.detail
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert process.exit.status == status
        assert note in process.exit.note

    run(headway_home, story)


def test_who_forks_away_is_told_to_stay(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        away = "(trap '' TERM; setsid sleep 600 & sleep 600) & exit 0"
        await start(w, "web-0", w.command("sh", "-c", away))
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert "foreground" in process.exit.note
        assert procfs.marked(w.marker_prefix) == {}

    run(headway_home, story)


def test_nothing_of_a_tree_outlives_its_main_process(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        tree = "sleep 600 & setsid sleep 600 & (setsid sh -c 'sleep 600 & sleep 600' &) ; sleep 600"
        await start(w, "web-0", w.command("sh", "-c", tree))
        await eventually(lambda: sum(map(len, procfs.marked(w.marker_prefix).values())) >= 6)
        await w.kill("web-0")
        await ended(w, "web-0")
        assert procfs.marked(w.marker_prefix) == {}

    run(headway_home, story)


def test_a_stopped_tree_leaves_nothing_after_its_grace(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        stubborn = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 600; sleep 600' & sleep 600"
        await start(w, "web-0", w.command("sh", "-c", f"{stubborn}; sleep 600"))
        await eventually(lambda: sum(map(len, procfs.marked(w.marker_prefix).values())) >= 3)
        await stop(w, "web-0", grace_s=0.2)
        await ended(w, "web-0")
        assert procfs.marked(w.marker_prefix) == {}

    run(headway_home, story)


def test_a_replica_that_prints_without_end_fills_no_disk(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        # The end is said again and again: what is written while a log is cut may be lost.
        program = (
            "import time\nfor n in range(1_400_000): print(f'{n:063}')\n"
            "while True: print('the end', flush=True); time.sleep(0.1)\n"
        )
        await start(w, "web-0", w.command(*python(program)))
        log = w.engine.log_path("web-0")
        await eventually(lambda: w.engine.log_tail("web-0", 1) == ["the end"], 60.0)
        await eventually(lambda: log.stat().st_size <= LOG_BYTES_MAX)
        assert log.with_name("web-0.log.1").stat().st_size <= LOG_BYTES_MAX
        assert (await seen(w, "web-0")).exit is None

    run(headway_home, story)


def test_a_memory_limit_is_kept_and_named(
    headway_home: Path, not_run: Callable[[str], None]
) -> None:
    async def story(w: LocalWorld) -> None:
        if "not enforced" in w.engine.capabilities["memory_limit"]:
            not_run("no memory controller can be written here")
        greedy = python("x = bytearray(300 << 20); print(len(x))")
        launch = Launch(greedy, (), str(w.directory), memory_bytes=64_000_000)
        await start(w, "web-0", launch)
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert process.exit.status == -9
        assert process.exit.note == "over its memory limit (64MB)"

    run(headway_home, story)


def test_a_public_listener_is_objected_to_unless_allowed(headway_home: Path) -> None:
    async def objects(w: LocalWorld) -> None:
        await start(w, "web-0", w.command(*server(host="0.0.0.0")))  # noqa: S104
        found = await until(w, lambda found: found[0].objection)
        said = f"listens on 0.0.0.0:{found[0].port}, which other machines can reach"
        assert found[0].objection == said

    async def accepts(w: LocalWorld) -> None:
        await start(w, "web-0", w.command(*server(host="0.0.0.0")))  # noqa: S104
        process = await healthy(w, "web-0")
        state = w.directory / "keeper.json"
        await eventually(lambda: "objection" in state.read_text())
        assert process.objection == ""
        assert process.address == "127.0.0.1"

    (headway_home / "a").mkdir()
    (headway_home / "b").mkdir()
    run(headway_home / "a", objects)
    run(headway_home / "b", accepts, public_listen_allowed=True)


def test_connections_are_counted_while_draining(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        process = await healthy(w, "web-0")
        _, writer = await asyncio.open_connection("127.0.0.1", process.port)
        await drain(w, "web-0")
        await until(w, lambda found: found[0].connections == 1)
        writer.close()
        await until(w, lambda found: found[0].connections == 0)

    run(headway_home, story)
