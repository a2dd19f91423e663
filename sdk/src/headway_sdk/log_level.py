"""The log level of this process, switched while it runs and back by itself.

It is the level of the root logger, and of the server's own where there is one. A logger or handler
that its author gave a level of its own keeps it. When nothing would show a record, because no
handler was configured, lines are written as JSON for as long as the other level lasts.
"""

import asyncio
import logging
import os
import threading
import time

from headway_sdk.control import LOOK_EVERY_S, NOTHING, ControlFile, Word
from headway_sdk.identity import Identity
from headway_sdk.json_log import JsonHandler, JsonLog
from headway_sdk.masking import Mask

# Servers configure these apart from the root. Their access logs are left alone.
SERVERS = ("uvicorn", "uvicorn.error", "gunicorn.error", "hypercorn.error", "_granian")


class LogLevel:
    def __init__(self, path: str, *, log: JsonLog, mask: Mask) -> None:
        self.word = NOTHING  # what holds now
        self._file = ControlFile(path) if path else None
        self._log = log
        self._handler = JsonHandler(log, mask)
        self._own: dict[logging.Logger, int] = {}  # their levels before ours
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def shown(self) -> str:
        """Also when nobody asked for another one."""
        return logging.getLevelName(logging.getLogger().level).lower()

    def watch(self) -> None:
        """Look now and once a second, as long as the running loop does; again is harmless."""
        loop = asyncio.get_running_loop()
        if self._file is not None and self._loop is not loop:
            self._loop = loop
            self._look_and_come_back(loop)

    def watch_in_thread(self) -> None:
        """For a program without an event loop."""
        if self._file is not None:
            threading.Thread(target=self._look_for_ever, name="log-level", daemon=True).start()

    def look(self) -> None:
        if self._file is None:
            return
        word = self._file.look(steady_s=time.monotonic(), now_s=time.time())
        if word == self.word:
            return
        before, self.word = self.word, word
        if word.problem:
            self._say("warning", f"$HW_CONTROL {word.problem}: not heeded")
        if word.level:
            self._switch(word)
        elif before.level:
            self._switch_back()

    def _switch(self, word: Word) -> None:
        level = logging.getLevelNamesMapping()[word.level.upper()]
        root = logging.getLogger()
        known = logging.root.manager.loggerDict
        for logger in (root, *(logging.getLogger(name) for name in SERVERS if name in known)):
            self._own.setdefault(logger, logger.level)
            logger.setLevel(level)
        if not root.handlers:
            root.addHandler(self._handler)
        self._say("info", f"log level {word.level} until {word.until}")

    def _switch_back(self) -> None:
        for logger, level in self._own.items():
            logger.setLevel(level)
        self._own.clear()
        logging.getLogger().removeHandler(self._handler)
        self._say("info", f"log level {self.shown} again")

    def _say(self, level: str, text: str) -> None:
        """Whatever the level is now."""
        self._log.write(time.time(), level, text, {})

    def _look_and_come_back(self, loop: asyncio.AbstractEventLoop) -> None:
        self.look()
        loop.call_later(LOOK_EVERY_S, self._look_and_come_back, loop)

    def _look_for_ever(self) -> None:
        while True:
            self.look()
            time.sleep(LOOK_EVERY_S)


def watch_log_level() -> None:
    """For a Python program that is no ASGI `Service`: a job, a gRPC or WSGI server, a worker.

    Looks once a second in a thread of its own, which does not survive a fork: call it in the worker
    of a server that forks. Without Headway it does nothing.
    """
    log = JsonLog(replica=Identity.read(os.environ).replica)
    LogLevel(os.environ.get("HW_CONTROL", ""), log=log, mask=Mask(os.environ)).watch_in_thread()
