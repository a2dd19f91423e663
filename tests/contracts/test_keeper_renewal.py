"""A keeper takes up newer code: the same process, the same children, nothing forgotten."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.engine_world import (
    Kind,
    LocalWorld,
    ended,
    eventually,
    healthy,
    local_world,
    seen,
    start,
    until,
)

from headway.engine.io import procfs, wire
from headway.model.observed import Process

pytestmark = pytest.mark.contract

Story = Callable[[LocalWorld], Awaitable[None]]
REPLICAS = 12


def run(folder: Path, story: Story) -> None:
    async def tell() -> None:
        async with local_world(folder) as world:
            await story(world)

    asyncio.run(tell())


async def ask(world: LocalWorld, **request: object) -> dict[str, Any]:
    """As another headwayd would, on a line of its own."""
    reader, writer = await asyncio.open_unix_connection(sock=wire.connect(world.directory))
    try:
        writer.write(wire.encode({"id": 1, "epoch": 1, **request}))
        answer: dict[str, Any] = json.loads(await reader.readline())
        return answer
    finally:
        writer.close()


def command_line(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def open_files(pid: int) -> set[str]:
    return {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}


async def renew(world: LocalWorld) -> None:
    before = command_line(world.engine.keeper_pid)
    assert (await ask(world, do="renew", python=sys.executable))["ok"]
    await eventually(lambda: command_line(world.engine.keeper_pid) != before)


def test_a_renewed_keeper_is_the_same_process_with_the_same_children(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        pid, keeper_pid = (await healthy(w, "web-0")).pid, w.engine.keeper_pid
        files = open_files(keeper_pid)
        for _ in range(2):
            await renew(w)
            assert (await ask(w, do="ping"))["ok"]
        assert w.engine.keeper_pid == keeper_pid
        assert (await seen(w, "web-0")).pid == pid
        await w.kill("web-0")
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert process.exit.status == -9  # known: it is still that keeper's child
        assert not [f for f in open_files(keeper_pid) - files if "memfd" in f]

    run(headway_home, story)


def test_how_a_child_ended_while_its_keeper_was_renewed_is_known(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        for n in range(REPLICAS):
            slow = w.command("sh", "-c", f"sleep 0.{n:02d}; exit {n + 3}")
            await start(w, f"web-{n}", slow)
        await renew(w)

        def all_ended(found: tuple[Process, ...]) -> bool:
            return all(process.exit for process in found)

        found = {p.replica: p.exit for p in await until(w, all_ended)}
        statuses = {name: ended_.status for name, ended_ in found.items() if ended_ is not None}
        assert statuses == {f"web-{n}": n + 3 for n in range(REPLICAS)}

    run(headway_home, story)


def test_what_is_kept_with_a_secret_environment_is_kept_so_after_a_renewal(
    headway_home: Path,
) -> None:
    async def story(w: LocalWorld) -> None:
        await w.engine.keep("proxy", ("sleep", "1000"), {"WORD": "planted"}, w.directory)
        kept = w.engine.kept("proxy")
        assert kept is not None
        await renew(w)
        os.kill(kept.pid, signal.SIGKILL)

        def is_back() -> bool:
            again = w.engine.kept("proxy")
            return again is not None and again.pid not in (0, kept.pid)

        await eventually(is_back)
        again = w.engine.kept("proxy")
        assert again is not None
        assert procfs.environ(again.pid)["WORD"] == "planted"
        assert "planted" not in (w.directory / "keeper.json").read_text()
        await w.engine.unkeep("proxy", 0.0)

    run(headway_home, story)


def test_what_was_let_go_of_before_a_renewal_is_not_started_again_after_it(
    headway_home: Path,
) -> None:
    async def story(w: LocalWorld) -> None:
        deaf = ("sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
        await w.engine.keep("proxy", deaf, {}, w.directory)
        await w.engine.unkeep("proxy", 1.0)
        await renew(w)
        await eventually(lambda: w.engine.kept("proxy") is None)

    run(headway_home, story)


def test_a_renewal_that_cannot_be_done_leaves_the_keeper_as_it_is(headway_home: Path) -> None:
    async def story(w: LocalWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await healthy(w, "web-0")
        assert (await ask(w, do="renew", python="/no/such/python"))["ok"]
        await eventually(lambda: "goes on with its old code" in w.engine.trouble)
        assert (await ask(w, do="ping"))["ok"]
        assert (await seen(w, "web-0")).exit is None

    run(headway_home, story)
