"""`headway down` does not wait for what has ended, and knows leaving from dying."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from headway.api.address import socket_path
from headway.cli.client import Client
from headway.cli.down import has_left, lives
from headway.testing.control import StrawControl
from headway.testing.served import served


def test_a_process_that_ended_and_was_not_yet_waited_for_is_gone(
    eventually: Callable[[Callable[[], object], float], None],
) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            eventually(lambda: lives(process.pid), 10.0)  # not yet while it becomes `sleep`
        finally:
            process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not lives(process.pid)
        process.wait()
        assert not lives(process.pid)


def test_a_headwayd_whose_socket_is_gone_has_left(headway_home: Path) -> None:
    assert has_left(headway_home, Client(headway_home), within_s=0)


def test_a_headwayd_that_left_its_socket_behind_was_killed(headway_home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path(headway_home)))
    assert not has_left(headway_home, Client(headway_home), within_s=0)


def test_a_headwayd_that_answers_has_not_left(headway_home: Path) -> None:
    with served(StrawControl(), headway_home):
        assert not has_left(headway_home, Client(headway_home), within_s=0)
