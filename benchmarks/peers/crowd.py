"""Many endpoints in one process, and users who note whom they reach: two small programs.

    python -m benchmarks.peers.crowd endpoints PORT COUNT     listens on COUNT addresses of loopback
    python -m benchmarks.peers.crowd users PORT FILE          asks until SIGTERM, then writes FILE

They run in processes of their own, so that neither holds up the one that publishes.
"""

import asyncio
import json
import signal
import sys
import time
from functools import partial
from pathlib import Path

ENDPOINTS_MAX = 10_000
USERS = 4  # connections, so that every worker of a proxy has one
PAUSE_S = 0.001
ANSWER_S_MAX = 5.0
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"

Asked = tuple[float, str]  # when it was sent, by the steady clock, and who answered


def address_of(number: int) -> str:
    assert 0 <= number < ENDPOINTS_MAX, "so many fit into this part of loopback"
    return f"127.77.{number // 250}.{number % 250 + 1}"


class Endpoint(asyncio.Protocol):
    """Says OK to a check, and its own address to everybody else. Knows no more of HTTP."""

    def __init__(self, address: str) -> None:
        self._name = address.encode()
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None, "a connection begins before its data"
        self._read += data
        *requests, self._read = self._read.split(b"\r\n\r\n")
        for request in requests:
            body = b"OK" if request.startswith(b"GET /healthz ") else self._name
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )


async def endpoints(port: int, count: int) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    for address in map(address_of, range(count)):
        await loop.create_server(partial(Endpoint, address), address, port)
    await stopped.wait()


async def users(port: int, file: Path) -> None:
    asked: list[Asked] = []
    tasks = [asyncio.create_task(_ask(port, asked)) for _ in range(USERS)]
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    _write(file, [])  # they have begun
    await stopped.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    _write(file, asked)


def _write(file: Path, asked: list[Asked]) -> None:
    file.write_text(json.dumps(asked), encoding="ascii")


async def _ask(port: int, asked: list[Asked]) -> None:
    while True:
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                sent_s = time.monotonic()
                writer.write(REQUEST)
                async with asyncio.timeout(ANSWER_S_MAX):
                    head = await reader.readuntil(b"\r\n\r\n")
                    body = await reader.readexactly(_length(head))
                asked.append((sent_s, _who(head, body)))
                await asyncio.sleep(PAUSE_S)
        except (OSError, EOFError, TimeoutError):
            await asyncio.sleep(PAUSE_S)  # nobody answered: once more from the beginning


def _who(head: bytes, body: bytes) -> str:
    """An address, or a status that is not good."""
    return body.decode() if head.startswith(b"HTTP/1.1 200 ") else head.decode()[9:12]


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(t[15:]) for t in lines if t.startswith(b"content-length:"))


def main() -> None:
    what, port, last = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    asyncio.run(endpoints(port, int(last)) if what == "endpoints" else users(port, Path(last)))


if __name__ == "__main__":
    main()
