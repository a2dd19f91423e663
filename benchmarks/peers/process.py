"""Processes and ports of the peers. Nothing that is started here outlives the one who started it.

Every process runs under `setpriv --pdeathsig KILL`: the kernel ends it when the benchmark is gone,
also when that was killed and could clean up nothing.
"""

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from shutil import rmtree

# Below the range that headwayd takes its blocks from, and the kernel's own range of ports for
# outgoing connections: a backend that is killed finds its port free when it comes back.
FIRST_PORT, LAST_PORT = 6200, 9999
LOG_SHOWN_BYTES = 1000
POLL_S = 0.01


class Ports:
    """Hands out each port once; who comes second, in another process, finds another."""

    def __init__(self) -> None:
        self._next = FIRST_PORT + os.getpid() * 37 % (LAST_PORT - FIRST_PORT)

    def take(self) -> int:
        for _ in range(FIRST_PORT, LAST_PORT):
            self._next = self._next + 1 if self._next < LAST_PORT else FIRST_PORT
            if _is_free(self._next):
                return self._next
        raise RuntimeError(f"no port between {FIRST_PORT} and {LAST_PORT} is free")


PORTS = Ports()


@contextmanager
def folder() -> Iterator[Path]:
    """Where a peer keeps its files. Its path is short: Unix sockets lie in it."""
    path = Path(tempfile.mkdtemp(prefix="hwp-"))
    try:
        yield path
    finally:
        rmtree(path, ignore_errors=True)


async def spawn(
    *argv: str | Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    directory: Path | None = None,
    talks: bool = False,
) -> asyncio.subprocess.Process:
    """Output goes to `log`; with `talks`, stdin and stdout are pipes to us."""
    pipe = asyncio.subprocess.PIPE
    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "--", *argv),
            env={**os.environ, **(env or {})},
            cwd=directory,
            stdin=pipe if talks else asyncio.subprocess.DEVNULL,
            stdout=pipe if talks else file,
            stderr=file,
        )


async def end(process: asyncio.subprocess.Process, *, grace_s: float) -> None:
    """SIGTERM, and SIGKILL for who does not leave. One that is stopped is woken up to hear it."""
    with suppress(ProcessLookupError):
        process.terminate()
        process.send_signal(signal.SIGCONT)
    try:
        await asyncio.wait_for(process.wait(), grace_s)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def serving(
    *argv: str | Path, log: Path, port: int, grace_s: float = 2.0
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server while its port accepts connections; then its end."""
    process = await spawn(*argv, log=log)
    try:
        await until(lambda: accepts(port), limit_s=10, what=f"{argv[0]} does not serve", log=log)
        yield process
    finally:
        await end(process, grace_s=grace_s)


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def until(
    so: Callable[[], Awaitable[bool]], *, limit_s: float, what: str, log: Path | None = None
) -> None:
    """Wait for a condition; the error says what never came true, and what the log says last."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + limit_s
    while not await so():
        if loop.time() > end_s:
            raise TimeoutError(f"{what} after {limit_s:g} s. {end_of(log)}".strip())
        await asyncio.sleep(POLL_S)


def end_of(log: Path | None) -> str:
    """What a program said last."""
    return log.read_bytes()[-LOG_SHOWN_BYTES:].decode(errors="replace") if log else ""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
