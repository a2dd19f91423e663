"""Programs that write over their environment, as nginx and Redis do to show a title in `ps`.

A life is recognised by a mark in its environment; these have none, so their control group speaks.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from tests.contracts.engine_world import eventually, local_world, seen, start, until

from headway.engine.io import procfs, state_file

pytestmark = pytest.mark.contract

UNMARKED = ("env", "-i", "sleep", "600")


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_program_without_a_mark_is_adopted_or_ended_never_left_behind(
    headway_home: Path, not_run: Callable[[str], NoReturn], is_lost: bool
) -> None:
    async def story() -> str:
        async with local_world(headway_home) as world:
            if "cgroup.kill" not in world.engine.capabilities["end_tree"]:
                return "no writable cgroup v2"
            await start(world, "web-0", world.command(*UNMARKED))
            pid, keeper_pid = (await seen(world, "web-0")).pid, world.engine.keeper_pid
            file = world.directory / state_file.FILE_NAME
            await eventually(lambda: procfs.environ(pid) == {} and str(pid) in file.read_text())
            if is_lost:
                file.unlink()
            os.kill(keeper_pid, signal.SIGKILL)
            await eventually(lambda: world.engine.keeper_pid != keeper_pid)
            if is_lost:
                await eventually(lambda: procfs.starttime(pid) is None)
                await until(world, lambda found: not found)
            else:
                assert (await seen(world, "web-0")).pid == pid
                assert procfs.starttime(pid) is not None
        return ""

    if reason := asyncio.run(story()):
        not_run(reason)
