"""The engine's line to its keeper: starts one where there is none, comes back when it breaks."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import headway
from headway.engine.io import wire
from headway.engine.io.wire import Message
from headway.model.errors import EngineError, StaleEpochError

ANSWER_S_MAX = 15.0
CONNECT_S_MAX = 3.0  # how long a request waits for a line that is being mended
START_S_MAX = 20.0
PAUSES_S = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
PULSE_EVERY_S = 1.0
PULSE_S_MAX = 3.0
SILENT = "it does not answer; `kill -9 {pid}` ends it, and its successor adopts what runs"
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "TMPDIR")


class KeeperLink:
    def __init__(
        self,
        directory: Path,
        guard_port: int,
        *,
        hello: Message,
        listed: Callable[[list[Message]], None],
        heard: Callable[[Message], None],
        renew: bool = False,
    ) -> None:
        """`renew`: the keeper is to take up the code that is on disk, whatever its version."""
        self._directory = directory
        self._guard_port = guard_port
        self._hello = hello
        self._listed = listed
        self._heard = heard
        self._writer: asyncio.StreamWriter | None = None
        self._ready = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._numbers = count(1)
        self._task: asyncio.Task[None] | None = None
        self._renew = renew
        self._renewed = False  # asked once; a keeper that stays as it was is lived with
        self._is_over = False  # the keeper was told to end: nobody brings it back
        self.capabilities: dict[str, str] = {}
        self.keeper_pid = 0
        self.keeper_version = ""
        self.trouble = "not connected to its keeper yet"
        self.lost_s: float | None = None  # loop time when the line broke; None while it holds

    async def open(self) -> None:
        """Raises EngineError: no keeper can be had; StaleEpochError: another is in charge."""
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._stay(first))
        try:
            await asyncio.wait((first, self._task), return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                self._task.result()  # a mistake of ours: let it be seen
            await first
        except EngineError:
            await self.close()
            raise

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def ask(self, verb: str, **fields: Any) -> Message:
        """Raises StaleEpochError, EngineError (with the keeper's reason)."""
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                await self._ready.wait()
        except TimeoutError:
            raise EngineError(f"the keeper cannot be reached: {self.trouble}") from None
        return await self._ask(verb, fields)

    async def retire(self, epoch: int) -> None:
        """Raises what `ask` raises; then the keeper stays."""
        self._is_over = True
        try:
            await self.ask("retire", epoch=epoch)
        except EngineError:
            self._is_over = False
            raise

    async def _ask(self, verb: str, fields: Message) -> Message:
        assert self._writer is not None, "asked before connected"
        number = next(self._numbers)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self._writer.write(wire.encode({"id": number, "do": verb, **fields}))
            async with asyncio.timeout(ANSWER_S_MAX):
                return await answer
        except TimeoutError:
            raise EngineError(f"the keeper did not answer in {ANSWER_S_MAX:g} s") from None
        finally:
            self._answers.pop(number, None)

    async def _stay(self, first: asyncio.Future[None]) -> None:
        failures = 0
        while True:
            try:
                reader, self._writer = await self._connect()
                await self._serve(reader, first)
                failures = 0
                if self._is_over:
                    return
            except StaleEpochError as error:
                _fail(first, error)
                failures = len(PAUSES_S)
            except (EngineError, OSError) as error:
                self.trouble = str(error)
                if failures >= 2 or isinstance(error, EngineError):
                    _fail(
                        first, EngineError(f"no keeper: {error}", remedy=_remedy(self._directory))
                    )
                failures += 1
            finally:
                self._broken()
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])

    async def _serve(self, reader: asyncio.StreamReader, first: asyncio.Future[None]) -> None:
        """Read until the line breaks, greeting meanwhile."""
        loop = asyncio.get_running_loop()
        greeting = loop.create_task(self._greet(first))
        pulse = loop.create_task(self._feel_pulse())
        try:
            while line := await reader.readline():
                self._take(wire.decode(line))
                if greeting.done():
                    greeting.result()
        except (ConnectionError, ValueError, wire.Refused):
            pass  # it died in the middle of a word
        finally:
            greeting.cancel()
            pulse.cancel()
            await asyncio.gather(greeting, pulse, return_exceptions=True)

    async def _feel_pulse(self) -> None:
        """A keeper that is there and says nothing is as bad as none: what was seen grows old."""
        loop = asyncio.get_running_loop()
        await self._ready.wait()
        before = ""
        while True:
            await asyncio.sleep(PULSE_EVERY_S)
            asked_s = loop.time()
            answer = loop.create_task(self._ask("ping", {}))
            await asyncio.wait((answer,), timeout=PULSE_S_MAX)
            if not answer.done() and self.lost_s is None:
                self.lost_s, before = asked_s, self.trouble
                self.trouble = SILENT.format(pid=self.keeper_pid)
            await asyncio.wait((answer,))  # until it answers, or `ask` gives up
            if answer.exception() is None and self.lost_s is not None:
                self.lost_s, self.trouble = None, before

    async def _greet(self, first: asyncio.Future[None]) -> None:
        stale: StaleEpochError | None = None
        try:
            said = await self._ask("hello", self._hello)
            if said.get("protocol") != wire.PROTOCOL:
                await self._ask("leave", {"epoch": self._hello["epoch"]})
                return
            if not self._renewed and (self._renew or said.get("version") != headway.__version__):
                self._renewed = True
                await self._ask("renew", {"epoch": self._hello["epoch"], "python": sys.executable})
                return
            self.capabilities, self.keeper_pid = dict(said["capabilities"]), int(said["pid"])
            self.keeper_version = str(said.get("version", ""))
        except StaleEpochError as error:
            stale = error  # it may still look, but no longer act
        await self._ask("watch", {})
        self.lost_s = None
        self._ready.set()
        if stale is not None:
            _fail(first, stale)
        elif not first.done():
            first.set_result(None)

    def _take(self, message: Message) -> None:
        # At once and in the order of the line: whoever waits for an answer wakes up later, when
        # what it says may be old.
        if "lives" in message:
            self._listed(message["lives"])
        elif "life" in message or "gone" in message:
            self._heard(message)
        if "trouble" in message:
            self.trouble = str(message["trouble"])
        if "id" not in message:
            return
        answer = self._answers.get(message["id"])
        if answer is None or answer.done():
            return
        if message["ok"]:
            answer.set_result(message)
        elif message["why"] == wire.STALE_EPOCH:
            answer.set_exception(StaleEpochError(message["detail"]))
        else:
            answer.set_exception(EngineError(message["detail"]))

    def _broken(self) -> None:
        self._ready.clear()
        if self.lost_s is None:
            self.lost_s = asyncio.get_running_loop().time()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(EngineError("the keeper died before it answered"))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            sock = wire.connect(self._directory)
        except OSError:
            await start_keeper(self._directory, self._guard_port)
            sock = wire.connect(self._directory)
        return await asyncio.open_unix_connection(sock=sock, limit=wire.LINE_BYTES_MAX)


async def start_keeper(directory: Path, guard_port: int) -> None:
    """Returns when one listens. Raises EngineError with its reason."""
    starter = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "headway.engine.io.keeper", str(directory), str(guard_port)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in INHERITED if name in os.environ},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(START_S_MAX):
            _, said = await starter.communicate()
    except TimeoutError:
        raise EngineError(f"the keeper did not start in {START_S_MAX:g} s") from None
    finally:
        if starter.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                starter.kill()
            await starter.wait()
    if starter.returncode != 0:
        lines = said.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"]
        raise EngineError(lines[-1][:500])


def _fail(first: asyncio.Future[None], error: EngineError) -> None:
    if not first.done():
        first.set_exception(error)


def _remedy(directory: Path) -> str:
    return f"look into {directory / 'keeper.log'}; another environment may use the same ports"
