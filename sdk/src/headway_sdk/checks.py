"""Ready checks: what the author of a service knows about being ready.

They are run in the background, once a second at most, and their last answers are kept: health is
asked for more than 25 times a second and must cost nothing. A check that fails, raises or is slow
makes health negative, with its reason.
"""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from headway_sdk.masking import Mask

CHECK_EVERY_S = 1.0
CHECK_TIMEOUT_S = 1.0
REASON_CHARS_MAX = 200
LOOKED_AT_CHARS_MAX = 4096  # of a long one, before secrets are looked for

# True: ready. Anything else means no; a str says why.
Answer = bool | str | None
Check = Callable[[], Answer] | Callable[[], Awaitable[Answer]]


@dataclass(slots=True)
class ReadyCheck:
    name: str
    ask: Check
    timeout_s: float
    reason: str = "has not answered yet"  # why not ready; empty: ready
    took_s: float = 0.0
    asked_at_s: float | None = None
    unanswered: asyncio.Future[Answer] | None = field(default=None, repr=False)


def reason_of(answer: object) -> str:
    """Only True is a yes: a check that forgets to return must not pass for ever."""
    if answer is True:
        return ""
    return answer if isinstance(answer, str) and answer else f"answered {answer!r}, not True"


class ReadyChecks:
    def __init__(self, *, mask: Mask, every_s: float = CHECK_EVERY_S) -> None:
        self.checks: list[ReadyCheck] = []
        self._mask = mask
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def add(self, ask: Check, *, timeout_s: float) -> None:
        name = getattr(ask, "__name__", type(ask).__name__)
        self.checks.append(ReadyCheck(name, ask, timeout_s))

    def why_not(self) -> str:
        """Empty when every check said yes."""
        for check in self.checks:
            if check.reason:
                return f"{check.name}: {check.reason}"
        return ""

    def start(self) -> None:
        """Begin asking; again is harmless. Needs a running loop."""
        if self.checks and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._ask_for_ever())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _ask_for_ever(self) -> None:
        while True:
            async with asyncio.TaskGroup() as group:
                for check in self.checks:
                    group.create_task(_ask(check, self._mask))
            await asyncio.sleep(self._every_s)


async def _ask(check: ReadyCheck, mask: Mask) -> None:
    started_s = time.monotonic()
    try:
        async with asyncio.timeout(check.timeout_s):
            reason = reason_of(await _answer(check))
    except TimeoutError:
        reason = f"no answer within {check.timeout_s:g} s"
    except Exception as error:  # noqa: BLE001 - whatever the author's check raises means "no"
        reason = _said(error)
    # Drivers put addresses with passwords into their errors, and health tells everybody.
    check.reason = mask.text(reason[:LOOKED_AT_CHARS_MAX])[:REASON_CHARS_MAX]
    check.asked_at_s = started_s
    check.took_s = time.monotonic() - started_s


def _said(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - one that cannot say what it is must not end the asking
        return type(error).__name__


async def _answer(check: ReadyCheck) -> Answer:
    ask = check.ask
    if inspect.iscoroutinefunction(ask):
        return await ask()  # type: ignore[no-any-return] # its own author typed it
    # A thread cannot be cancelled. One that hangs is waited for, never joined by a second one.
    if check.unanswered is None or check.unanswered.done():
        check.unanswered = _ask_in_thread(ask)
    answer = await asyncio.shield(check.unanswered)
    return await answer if inspect.isawaitable(answer) else answer


def _ask_in_thread(ask: Check) -> asyncio.Future[Answer]:
    """A daemon thread, not the loop's pool: a check that hangs must not hold up the exit."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())  # now retrieved

    def settle(answer: object, error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(answer)  # type: ignore[arg-type] # judged by reason_of
        else:
            future.set_exception(error)

    def work() -> None:
        answer: object = None
        failure: Exception | None = None
        try:
            answer = ask()
        except Exception as error:  # noqa: BLE001 - handed on to the one who waits
            failure = error
        try:
            loop.call_soon_threadsafe(settle, answer, failure)
        except RuntimeError:
            return  # the loop is closed: nobody asks any more

    threading.Thread(target=work, name="ready-check", daemon=True).start()
    return future
