"""One life on a machine that allows no control groups: sessions and /proc must do."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from headway.engine.io import procfs
from headway.engine.io.cgroups import Cgroups
from headway.engine.io.life import Life
from headway.engine.io.record import Record
from headway.engine.io.spawn import Command

pytestmark = pytest.mark.contract

NO_CGROUPS = Cgroups(None, None, None)
LIMIT_S = 15.0


async def eventually(condition: Callable[[], object]) -> None:
    until_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until_s, f"still not so after {LIMIT_S} s"
        await asyncio.sleep(0.005)


class OneLife:
    """A life of its own, and the news of it."""

    def __init__(self, directory: Path, script: str) -> None:
        self.changed = asyncio.Event()
        self.marker = f"test-{os.getpid()}-{os.urandom(6).hex()}"
        record = Record("web-0", 1, self.marker, 0.0, {})
        self.life = Life(record, NO_CGROUPS, lambda _: self.changed.set())
        env = {"PATH": os.environ["PATH"]}
        self.life.spawn(Command(("sh", "-c", script), env, str(directory)), directory / "log")

    def members(self) -> int:
        return len(procfs.marked(self.marker).get(self.marker, []))

    async def ended(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while self.life.running:
                await self.changed.wait()
                self.changed.clear()

    async def has(self, count: int) -> None:
        await eventually(lambda: self.members() >= count)


def run(directory: Path, script: str, story: Callable[[OneLife], Awaitable[None]]) -> None:
    async def tell() -> None:
        one = OneLife(directory, script)
        try:
            await story(one)
        finally:
            for pid in procfs.marked(one.marker).get(one.marker, []):
                os.kill(pid, signal.SIGKILL)
            await one.ended()

    asyncio.run(tell())


def test_a_tree_that_left_its_session_is_found_by_its_marker(tmp_path: Path) -> None:
    async def story(one: OneLife) -> None:
        await one.has(5)
        os.kill(one.life.record.pid, signal.SIGKILL)
        await one.ended()
        assert one.members() == 0
        assert one.life.record.ending is not None
        assert one.life.record.ending.status == -signal.SIGKILL

    run(tmp_path, "setsid sleep 600 & (setsid sh -c 'sleep 600 & sleep 600' &); sleep 600", story)


def test_a_child_without_the_marker_is_found_by_its_session(tmp_path: Path) -> None:
    async def story(one: OneLife) -> None:
        session = one.life.record.pid
        await eventually(lambda: len(procfs.in_session(session)) >= 3)
        os.kill(session, signal.SIGKILL)
        await one.ended()
        assert procfs.in_session(session) == []

    run(tmp_path, "env -i sleep 600 & env -i sleep 600 & sleep 600; true", story)


def test_what_ignores_the_request_is_killed_after_its_grace(tmp_path: Path) -> None:
    async def story(one: OneLife) -> None:
        await one.has(2)
        one.life.stop(0.2)
        await one.ended()
        assert one.members() == 0
        assert one.life.record.ending is not None
        assert one.life.record.ending.status == -signal.SIGKILL

    run(tmp_path, "trap '' TERM; sleep 600; sleep 600", story)


def test_who_forks_away_is_told_to_stay_in_the_foreground(tmp_path: Path) -> None:
    async def story(one: OneLife) -> None:
        await one.ended()
        assert one.life.record.ending is not None
        assert one.life.record.ending.status == 0
        assert "foreground" in one.life.record.ending.note
        assert one.members() == 0

    run(tmp_path, "setsid sleep 600 & exit 0", story)
