"""The keeper: what follows when it, the daemon, or what it keeps dies; and who it obeys."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

import pytest
from tests.contracts.engine_world import (
    Kind,
    LocalWorld,
    ended,
    eventually,
    everything,
    healthy,
    local_world,
    seen,
    start,
    stop,
    until,
)

from headway.engine.io import keeper_link, procfs, state_file, wire
from headway.engine.io.keeper_link import start_keeper
from headway.model.errors import EngineError, StaleEpochError
from headway.model.observed import Process

pytestmark = pytest.mark.contract

Story = Callable[[LocalWorld], Awaitable[None]]
KEPT = "envoy-0"


def run(folder: Path, story: Story, *, public_listen_allowed: bool = False) -> None:
    async def tell() -> None:
        async with local_world(folder, public_listen_allowed=public_listen_allowed) as world:
            await story(world)

    asyncio.run(tell())


def is_alive(pid: int) -> bool:
    return procfs.starttime(pid) is not None


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


@pytest.mark.parametrize("left", [None, b"", b"{not json", b'{"version": 1}'])
def test_a_keeper_whose_file_is_lost_or_damaged_adopts_what_runs_all_the_same(
    headway_home: Path, left: bytes | None
) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES), incarnation=7)
        before = await healthy(w, "web-0")
        file = w.directory / state_file.FILE_NAME
        file.unlink() if left is None else file.write_bytes(left)
        keeper_pid = w.engine.keeper_pid
        os.kill(keeper_pid, signal.SIGKILL)
        await eventually(lambda: w.engine.keeper_pid != keeper_pid)
        after = await healthy(w, "web-0")
        assert (after.pid, after.port, after.incarnation) == (before.pid, before.port, 7)
        assert (after.service, after.release) == (before.service, before.release)
        assert abs((after.started_at - before.started_at).total_seconds()) < 1
        await w.kill("web-0")
        await ended(w, "web-0")

    run(headway_home, story)


def test_what_bears_a_life_s_mark_and_is_no_replica_is_ended_by_the_next_keeper(
    headway_home: Path,
) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        mark = procfs.environ((await healthy(w, "web-0")).pid)[procfs.MARKER]
        stray = await asyncio.create_subprocess_exec(
            "sleep", "600", env={procfs.MARKER: mark.replace("web-0", "web-9")}
        )
        keeper_pid = w.engine.keeper_pid
        os.kill(keeper_pid, signal.SIGKILL)
        assert await asyncio.wait_for(stray.wait(), 10) == -signal.SIGKILL
        assert [p.replica for p in await everything(w)] == ["web-0"]

    run(headway_home, story)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_keeper_killed_at_any_moment_starts_nothing_twice_and_loses_nothing(
    headway_home: Path, seed: int
) -> None:
    chance = Random(seed)

    async def start_or_replace(w: LocalWorld, name: str) -> None:
        known = [p for p in await everything(w) if p.replica == name]
        if not known or known[0].exit is not None:
            incarnation = known[0].incarnation + 1 if known else 1
            await start(w, name, w.command("sleep", "600"), incarnation=incarnation)
        elif chance.random() < 0.5:
            with suppress(ProcessLookupError):
                os.kill(known[0].pid, signal.SIGKILL)

    async def story(w: LocalWorld) -> None:
        names = [f"web-{n}" for n in range(4)]
        for _ in range(6):
            before = w.engine.keeper_pid
            moment_s = chance.uniform(0.0, 0.04)
            asyncio.get_running_loop().call_later(moment_s, os.kill, before, signal.SIGKILL)
            await asyncio.gather(*(start_or_replace(w, name) for name in names))
            await eventually(partial(lambda pid: w.engine.keeper_pid != pid, before))

        def is_accounted_for(found: tuple[Process, ...]) -> bool:
            marked = procfs.marked(w.marker_prefix).values()
            return {p.pid for p in found if not p.exit} == {pid for pids in marked for pid in pids}

        await until(w, is_accounted_for)

    run(headway_home, story)


def test_a_keeper_makes_room_for_another_version(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        pid, keeper_pid = (await healthy(w, "web-0")).pid, w.engine.keeper_pid
        reader, writer = await asyncio.open_unix_connection(sock=wire.connect(w.directory))
        writer.write(wire.encode({"id": 1, "do": "leave", "epoch": 1}))
        assert json.loads(await reader.readline())["ok"]
        await eventually(lambda: w.engine.keeper_pid != keeper_pid)
        assert (await seen(w, "web-0")).pid == pid
        writer.close()

    run(headway_home, story)


def test_a_keeper_that_hangs_is_told_and_its_news_grow_old(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await healthy(w, "web-0")
        os.kill(w.engine.keeper_pid, signal.SIGSTOP)
        try:
            await eventually(lambda: "does not answer" in w.engine.trouble)
            with pytest.raises(EngineError, match="does not answer"):
                await until(w, lambda _: False)
        finally:
            os.kill(w.engine.keeper_pid, signal.SIGCONT)
        await eventually(lambda: not w.engine.trouble)
        assert (await seen(w, "web-0")).exit is None

    run(headway_home, story)


def test_a_keeper_that_hangs_for_longer_than_any_answer_may_take_is_believed_again_afterwards(
    headway_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_link, "PULSE_EVERY_S", 0.1)
    monkeypatch.setattr(keeper_link, "PULSE_S_MAX", 0.2)
    monkeypatch.setattr(keeper_link, "ANSWER_S_MAX", 0.4)

    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await healthy(w, "web-0")
        os.kill(w.engine.keeper_pid, signal.SIGSTOP)
        try:
            with pytest.raises(EngineError, match="does not answer"):
                await until(w, lambda _: False)
            with pytest.raises(EngineError, match="did not answer"):
                await w.engine.keep("late", ("true",), {}, w.directory)
        finally:
            os.kill(w.engine.keeper_pid, signal.SIGCONT)
        await eventually(lambda: not w.engine.trouble)
        assert (await seen(w, "web-0")).exit is None
        await w.engine.unkeep("late", 1.0)  # the keeper has read the wish after all
        await eventually(lambda: w.engine.kept("late") is None)

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


def test_a_kept_process_is_back_at_once_and_survives_the_keeper(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await w.engine.keep(KEPT, ("sleep", "600"), {"COLOUR": "blue"}, w.directory)

        def pid() -> int:
            kept = w.engine.kept(KEPT)
            return kept.pid if kept else 0

        first = pid()
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: pid() not in (0, first))
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
        token = w.directory / "came-back"
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
        await eventually(token.exists)
        assert token.read_text() == "red\n"
        writer.close()

    run(headway_home, story)


def test_a_full_disk_is_told_and_stops_nothing(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        in_the_way = w.directory / "keeper.json.new"
        in_the_way.mkdir()  # writing fails, as on a full disk
        await start(w, "web-1", w.launch(Kind.SERVES))
        await healthy(w, "web-1")
        await eventually(lambda: "cannot be written" in w.engine.trouble)
        in_the_way.rmdir()
        await eventually(lambda: not w.engine.trouble)
        assert "web-1" in (w.directory / "keeper.json").read_text()

    run(headway_home, story)
