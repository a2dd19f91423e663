"""What only a machine can show: process trees, signals, ports, logs, and what follows a crash."""

import asyncio
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from headway.engine.io import procfs, wire
from headway.engine.io.keeper_link import start_keeper
from headway.engine.io.log_files import LOG_BYTES_MAX
from headway.model.errors import EngineError, StaleEpochError
from headway.model.release import Launch
from tests.contracts.engine_world import (
    Kind,
    LocalWorld,
    drain,
    ended,
    everything,
    healthy,
    local_world,
    python,
    seen,
    server,
    start,
    stop,
    until,
)

pytestmark = pytest.mark.contract

Story = Callable[[LocalWorld], Awaitable[None]]
KEPT = "envoy-0"


def run(folder: Path, story: Story, *, public_listen_allowed: bool = False) -> None:
    async def tell() -> None:
        async with local_world(folder, public_listen_allowed=public_listen_allowed) as world:
            await story(world)

    asyncio.run(tell())


async def eventually(condition: Callable[[], object], limit_s: float = 10.0) -> None:
    until_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until_s, f"still not so after {limit_s} s"
        await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    return procfs.starttime(pid) is not None


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


def test_the_grace_is_kept_even_when_the_client_is_gone(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.STUBBORN))
        pid = (await healthy(w, "web-0")).pid
        await stop(w, "web-0", grace_s=0.3)
        await w.engine.close()
        await eventually(lambda: not is_alive(pid))
        w.engine = w.new_engine(epoch=1)
        await w.engine.start()
        process = await seen(w, "web-0")
        assert process.exit is not None
        assert process.exit.status == -9

    run(headway_home, story)


def test_a_replica_that_prints_without_end_fills_no_disk(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        line = "import sys\nfor n in range(1_400_000): print(f'{n:063}')\nsys.stdout.flush()\n"
        await start(w, "web-0", w.command(*python(line + "import time; time.sleep(600)")))
        log = w.engine.log_path("web-0")
        last = f"{1_399_999:063}"
        await eventually(lambda: w.engine.log_tail("web-0", 1) == [last], 30.0)
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


def test_a_killed_keeper_comes_back_and_adopts_what_runs(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        for n in range(3):
            await start(w, f"web-{n}", w.launch(Kind.SERVES))
            await healthy(w, f"web-{n}")
        before = {p.replica: (p.pid, p.started_at, p.port) for p in await everything(w)}
        keeper_pid = w.engine.keeper_pid
        os.kill(keeper_pid, signal.SIGKILL)
        await eventually(lambda: w.engine.keeper_pid != keeper_pid)
        after = {p.replica: (p.pid, p.started_at, p.port) for p in await everything(w)}
        assert after == before
        await w.kill("web-1")
        process = await ended(w, "web-1")
        assert process.exit is not None
        assert process.exit.status is None  # it was not that keeper's child
        await stop(w, "web-2")
        await ended(w, "web-2")

    run(headway_home, story)


def test_what_ends_while_no_keeper_looks_is_known_to_have_ended(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await healthy(w, "web-0")
        process = await seen(w, "web-0")
        await w.engine.close()
        os.kill(w.engine.keeper_pid, signal.SIGKILL)
        os.kill(process.pid, signal.SIGKILL)
        w.engine = w.new_engine(epoch=1)
        await w.engine.start()
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert "while its keeper was away" in process.exit.note

    run(headway_home, story)


def test_a_process_whose_pid_was_not_yet_written_down_is_found(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        pid = (await healthy(w, "web-0")).pid
        await w.engine.close()
        os.kill(w.engine.keeper_pid, signal.SIGKILL)
        state = json.loads((w.directory / "keeper.json").read_text())
        state["lives"][0].update(pid=0, starttime=0, leaf="")
        (w.directory / "keeper.json").write_text(json.dumps(state))
        w.engine = w.new_engine(epoch=1)
        await w.engine.start()
        process = await seen(w, "web-0")
        assert process.pid == pid
        assert process.exit is None

    run(headway_home, story)


def test_a_process_of_no_known_life_is_ended(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        pid = (await healthy(w, "web-0")).pid
        await w.engine.close()
        os.kill(w.engine.keeper_pid, signal.SIGKILL)
        (w.directory / "keeper.json").write_text("not the state of a keeper")
        w.engine = w.new_engine(epoch=1)
        await w.engine.start()
        await eventually(lambda: not is_alive(pid))
        assert await everything(w) == ()

    run(headway_home, story)


def test_a_daemon_that_comes_back_finds_healthy_replicas_healthy(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        before = await healthy(w, "web-0")
        state = w.directory / "keeper.json"
        await eventually(lambda: "first_ok_s" in state.read_text())
        await w.engine.close()
        assert is_alive(before.pid)
        w.engine = w.new_engine(epoch=2)
        await w.engine.start()
        after = await seen(w, "web-0")
        assert after.pid == before.pid
        assert after.probe is not None
        assert after.probe.ok
        assert after.probe.first_ok_at is not None

    run(headway_home, story)


def test_a_daemon_of_an_older_epoch_may_look_but_not_act(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        newer = w.new_engine(epoch=5)
        await newer.start()
        with pytest.raises(StaleEpochError):
            await w.new_engine(epoch=4).start()
        with pytest.raises(StaleEpochError):
            await start(w, "web-0", w.launch(Kind.SERVES), epoch=1)
        assert await everything(w) == ()
        await newer.close()

    run(headway_home, story)


def test_only_one_keeper_serves_a_directory(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start_keeper(w.directory, w.ports[0])
        other = w.new_engine(epoch=1)
        await other.start()
        assert other.keeper_pid == w.engine.keeper_pid
        await other.close()

    run(headway_home, story)


def test_two_environments_never_share_a_block_of_ports(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        elsewhere = LocalWorld(w.directory / "other")
        elsewhere.ports = w.ports
        with pytest.raises(EngineError, match=f"port {w.ports[0]} is taken"):
            await elsewhere.new_engine(epoch=1).start()

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


def test_a_kept_process_is_back_at_once_and_survives_the_keeper(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await w.engine.keep(KEPT, ("sleep", "600"), {"COLOUR": "blue"}, w.directory)

        def pid() -> int:
            kept = w.engine.kept(KEPT)
            return kept.pid if kept else 0

        first = pid()
        killed_s = time.monotonic()
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: pid() not in (0, first))
        assert time.monotonic() - killed_s < 0.5
        second, keeper_pid = pid(), w.engine.keeper_pid
        os.kill(keeper_pid, signal.SIGKILL)
        await eventually(lambda: w.engine.keeper_pid != keeper_pid)
        assert pid() == second
        os.kill(second, signal.SIGKILL)
        await eventually(lambda: pid() not in (0, second))
        assert procfs.environ(pid())["COLOUR"] == "blue"
        kept = w.engine.kept(KEPT)
        assert kept is not None
        assert kept.restarts == 2
        await w.engine.unkeep(KEPT)
        await eventually(lambda: w.engine.kept(KEPT) is None)

    run(headway_home, story)


def test_nothing_retires_while_it_runs(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        with pytest.raises(EngineError, match="1 processes still run"):
            await w.engine.retire()

    run(headway_home, story)


@pytest.mark.parametrize(
    "line", [b"\n", b"[]\n", b"{}\n", b'{"do":"dance"}\n', b'{"do":"start","epoch":1}\n', b"\xff\n"]
)
def test_nonsense_is_answered_and_harms_nobody(headway_home: Path, line: bytes) -> None:
    async def story(w: LocalWorld) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=wire.connect(w.directory))
        writer.write(line)
        answer = json.loads(await reader.readline())
        assert answer["ok"] is False
        assert answer["why"] == "bad-request"
        writer.close()
        assert (await start(w, "web-0", w.launch(Kind.EXITS_0))).ok

    run(headway_home, story)


def test_the_keeper_brings_back_a_daemon_that_died(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        token = str(w.directory / "came-back")
        argv = ["sh", "-c", f'echo "$COLOUR" >"{token}.new" && mv "{token}.new" "{token}"']
        daemon = await asyncio.create_subprocess_exec("sleep", "600", env={"COLOUR": "red"})
        guard = {
            "pid": daemon.pid,
            "argv": argv,
            "env_names": ["COLOUR"],
            "directory": str(w.directory),
        }
        reader, writer = await asyncio.open_unix_connection(sock=wire.connect(w.directory))
        writer.write(wire.encode({"id": 1, "do": "hello", "epoch": 1, "guard": guard}))
        assert json.loads(await reader.readline())["ok"]
        daemon.kill()
        await daemon.wait()
        await eventually(Path(token).exists)
        assert Path(token).read_text() == "red\n"
        writer.close()

    run(headway_home, story)
