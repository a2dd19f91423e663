"""A `Control` behind the real API on its real sockets, in a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from headway.api.address import settings_path, socket_path
from headway.api.connection import HEADERS_S
from headway.api.control import Control
from headway.api.outside import Outside
from headway.api.server import serve

START_S_MAX = 10.0
END_S_MAX = 10.0


@contextlib.contextmanager
def served(control: Control, home: Path, *, headers_s: float = HEADERS_S) -> Iterator[None]:
    """Answers at the home's socket until the block is left; over TCP if it has settings for that.

    Who needs TCP waits until he is let in: the port opens a moment later.
    """
    born = threading.Event()
    end: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def life() -> None:
        loops.append(asyncio.get_running_loop())
        end.append(asyncio.Event())
        outside = Outside(home) if settings_path(home).exists() else None
        serve_it = serve(control, socket_path(home), outside, headers_s=headers_s)
        serving = asyncio.create_task(serve_it)
        ending = asyncio.create_task(end[0].wait())
        await asyncio.sleep(0)  # `serve` listens before it waits for anything
        born.set()
        await asyncio.wait([serving, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    thread = threading.Thread(target=lambda: asyncio.run(life()), name="served", daemon=True)
    thread.start()
    assert born.wait(START_S_MAX), "the API did not come up"
    try:
        yield
    finally:
        if thread.is_alive():
            loops[0].call_soon_threadsafe(end[0].set)
        thread.join(END_S_MAX)
        assert not thread.is_alive(), "the API did not end"
