"""The level is switched while the service runs, told in one line each way, and as before after."""

import asyncio
import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headway_sdk.json_log import JsonLog
from headway_sdk.log_level import LogLevel
from headway_sdk.masking import Mask

Eventually = Callable[[Callable[[], object], float], None]

SECRET = {"HW_SECRET_NAMES": "KEY", "KEY": "planted-secret"}


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Its handlers are pytest's, which puts them back before every test and after."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    yield logger
    logger.setLevel(level)


class Service:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "web.json"
        self.out = io.StringIO()
        log = JsonLog(replica="web-1", out=self.out)
        self.level = LogLevel(str(self.path), log=log, mask=Mask(SECRET))

    def tell(self, level: str, *, for_s: float = 60.0) -> None:
        until = datetime.now(UTC) + timedelta(seconds=for_s)
        new = self.path.with_suffix(".new")
        said = {"version": 1, "log_level": level, "log_level_until": until.isoformat()}
        new.write_text(json.dumps(said))
        new.replace(self.path)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def test_debug_lines_appear_while_it_is_asked_for_and_no_longer(
    service: Service, root: logging.Logger
) -> None:
    root.handlers.clear()  # its author configured nothing
    logger = logging.getLogger("web.part")
    logger.debug("before")
    service.tell("debug")
    service.level.look()
    logger.debug("found %s", "planted-secret")
    service.path.unlink()
    service.level.look()
    logger.debug("after")
    first, found, last = service.lines()
    assert first["msg"].startswith("log level debug until 20")
    assert (found["msg"], found["level"], found["logger"]) == ("found ***", "debug", "web.part")
    assert last["msg"] == "log level warning again"
    assert (root.handlers, root.level) == ([], logging.WARNING)


def test_a_handler_of_its_author_is_used_and_kept(service: Service, root: logging.Logger) -> None:
    mine = io.StringIO()
    handler = logging.StreamHandler(mine)
    root.handlers[:] = [handler]
    service.tell("debug")
    service.level.look()
    logging.getLogger("web").debug("hello")
    assert mine.getvalue() == "hello\n"
    assert len(service.lines()) == 1
    service.path.unlink()
    service.level.look()
    assert root.handlers == [handler]


def test_the_server_s_own_loggers_follow_and_come_back(
    service: Service, root: logging.Logger
) -> None:
    server, access = logging.getLogger("uvicorn.error"), logging.getLogger("uvicorn.access")
    before = server.level, access.level
    server.setLevel(logging.WARNING)
    access.setLevel(logging.CRITICAL)
    try:
        service.tell("debug")
        service.level.look()
        assert (server.level, access.level) == (logging.DEBUG, logging.CRITICAL)
        service.tell("error")
        service.level.look()
        assert (root.level, server.level) == (logging.ERROR, logging.ERROR)
        service.path.unlink()
        service.level.look()
        assert (root.level, server.level) == (logging.WARNING, logging.WARNING)
    finally:
        server.setLevel(before[0])
        access.setLevel(before[1])


def test_a_damaged_file_is_said_once_and_changes_nothing(
    service: Service, root: logging.Logger
) -> None:
    service.path.write_text("{")
    for _ in range(3):
        service.level.look()
    assert [line["msg"] for line in service.lines()] == [
        "$HW_CONTROL is not understood: not heeded"
    ]
    assert root.level == logging.WARNING


def test_in_a_loop_it_comes_back_by_itself(service: Service, root: logging.Logger) -> None:
    async def story() -> list[int]:
        service.tell("debug", for_s=0.7)
        service.level.watch()
        service.level.watch()  # again is harmless
        seen = [root.level]
        for _ in range(1000):
            if root.level != logging.DEBUG:
                break
            await asyncio.sleep(0.01)
        return [*seen, root.level]

    assert asyncio.run(story()) == [logging.DEBUG, logging.WARNING]
    assert len(service.lines()) == 2


def test_a_program_without_a_loop_is_watched_by_one_thread(
    service: Service, root: logging.Logger, eventually: Eventually
) -> None:
    service.tell("debug", for_s=0.7)
    before = threading.active_count()
    service.level.watch_in_thread()
    assert threading.active_count() == before + 1
    eventually(lambda: root.level == logging.DEBUG, 10.0)
    eventually(lambda: root.level == logging.WARNING, 10.0)


def test_without_headway_nothing_is_watched() -> None:
    level = LogLevel("", log=JsonLog(replica="x", out=io.StringIO()), mask=Mask({}))
    before = threading.active_count()
    level.watch_in_thread()
    assert threading.active_count() == before


def test_a_look_costs_next_to_nothing(service: Service, root: logging.Logger) -> None:
    """Once a second; a thousand times dearer than measured would still be fine."""
    service.tell("debug")
    service.level.look()
    began_s = time.process_time()
    for _ in range(1000):
        service.level.look()
    assert time.process_time() - began_s < 1.0
    assert root.level == logging.DEBUG
    service.path.unlink()
    service.level.look()
