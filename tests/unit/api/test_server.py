"""The socket: private from the start, replaces the dead, never the living, leaves nothing."""

import asyncio
import contextlib
import queue
import signal
import socket
import stat
import threading
from pathlib import Path

import pytest

from headway.api.address import default_home, short, socket_path
from headway.api.control import Fact
from headway.api.server import serve
from headway.cli.client import Client
from headway.cli.trouble import Trouble
from headway.model.errors import HeadwayError
from headway.testing.control import StrawControl
from headway.testing.served import served


def test_the_socket_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    with served(StrawControl(), tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert list(tmp_path.iterdir()) == []


def test_a_socket_left_behind_by_the_dead_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead, short(socket_path(tmp_path)) as name:
        dead.bind(name)
    with served(StrawControl(), tmp_path):
        assert Client(tmp_path).reachable()


def test_a_living_headwayd_is_never_pushed_aside(tmp_path: Path) -> None:
    with (
        served(StrawControl(), tmp_path),
        pytest.raises(HeadwayError, match="another headwayd answers") as caught,
    ):
        asyncio.run(serve(StrawControl(), socket_path(tmp_path)))
    assert caught.value.remedy


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    socket_path(tmp_path).write_text("mine")
    with pytest.raises(HeadwayError, match="is no socket"):
        asyncio.run(serve(StrawControl(), socket_path(tmp_path)))
    assert socket_path(tmp_path).read_text() == "mine"


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(HeadwayError, match="cannot listen at"):
        asyncio.run(serve(StrawControl(), socket_path(tmp_path / "nowhere")))


def test_a_home_too_deep_for_a_socket_address_works_all_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with served(StrawControl(), deep):
        client = Client(deep)
        assert client.get("/environments") == []
        client.close()


def test_the_signals_stay_the_daemons(tmp_path: Path) -> None:
    async def look() -> None:
        before = signal.getsignal(signal.SIGTERM)
        serving = asyncio.create_task(serve(StrawControl(), socket_path(tmp_path)))
        await asyncio.sleep(0)  # it listens before it waits for anything
        assert socket_path(tmp_path).exists()
        assert signal.getsignal(signal.SIGTERM) is before
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    asyncio.run(look())


class Stuck(StrawControl):
    """Never says what the machine allows."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    async def doctor(self) -> tuple[Fact, ...]:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


def test_who_still_waits_at_the_end_is_told_so_and_the_log_has_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control, told = Stuck(), queue.SimpleQueue[Trouble]()

    def ask() -> None:
        try:
            Client(tmp_path).get("/doctor")
        except Trouble as trouble:
            told.put(trouble)

    with served(control, tmp_path):
        asking = threading.Thread(target=ask)
        asking.start()
        assert control.asked.wait(10)
    asking.join(10)
    assert told.get(timeout=1).code == "leaving"
    assert not [record for record in caplog.records if record.exc_info]


def test_home_is_what_was_asked_for_or_the_folder_for_state() -> None:
    assert default_home({"HEADWAY_HOME": "/srv/hw"}) == Path("/srv/hw")
    assert default_home({"XDG_STATE_HOME": "/var/x"}) == Path("/var/x/headway")
    assert default_home({}) == Path.home() / ".local/state/headway"
