"""A `Control` behind the real API on its real Unix socket, in a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from headway.api.address import socket_path
from headway.api.control import Control
from headway.api.server import serve

START_S_MAX = 10.0
END_S_MAX = 10.0


@contextlib.contextmanager
def served(control: Control, home: Path) -> Iterator[None]:
    """Answers at the home's socket until the block is left."""
    born = threading.Event()
    end: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def life() -> None:
        loops.append(asyncio.get_running_loop())
        end.append(asyncio.Event())
        serving = asyncio.create_task(serve(control, socket_path(home)))
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
