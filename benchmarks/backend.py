"""A small service of known capacity: so many slots, each busy so long; the rest queue in order.

It can be told to misbehave (`/control?mode=…`) or to be slower (`/control?takes_ms=…`), and it can
keep the id of every POST it carried out in a file, so that a scenario can prove that none was
carried out twice.

It can be as fragile as real newcomers are: slower in its first seconds, and broken then by more
requests at once than it can hold. What happened to it is told by its diary, a file that all
replicas share: `<time> <name> ready | request | crash`, by the machine's monotonic clock.

  mode=ok        answers; health says OK
  mode=not_ok    answers; health says 503
  mode=error     answers 500; health says OK
  mode=silent    accepts and never answers, health included

    PORT=9001 python -m benchmarks.backend --slots 8 --takes-ms 20
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httptools

MODES = ("ok", "not_ok", "error", "silent")
QUEUED_MAX = 10_000
BODY_BYTES_MAX = 65_536
CRASHED = 70  # exit status
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large"}
REASONS |= {500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Capacity:
    slots: int
    takes_s: float
    health_through_slots: bool  # False: health answers even when every slot is busy


@dataclass(frozen=True, slots=True)
class Weakness:
    crash_above: int = 0  # requests held at once; 0: it bears any number. A warm one always does
    cold_s: float = 0.0  # from its birth
    cold_takes_s: float = 0.0  # how long a request takes then


@dataclass(slots=True)
class Backend:
    """What all connections of this process share."""

    name: str
    capacity: Capacity
    handled_ids: int | None  # file descriptor opened for appending
    weakness: Weakness = Weakness()
    diary: int | None = None  # another
    mode: str = "ok"
    started_s: float = 0.0  # from the birth of the process to its open port
    draining: bool = False
    handled: int = 0
    in_flight: int = 0
    held: int = 0  # of these, the users' requests
    queued: int = 0
    was_ready: bool = False
    born_s: float = field(default_factory=time.monotonic)
    free: asyncio.Semaphore = field(init=False)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    empty: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.free = asyncio.Semaphore(self.capacity.slots)

    async def answer(self, method: str, url: str, request_id: str) -> tuple[int, str] | None:
        """Status and body; None for silence."""
        parts = urlsplit(url)
        if parts.path == "/control":
            return self._control(parts.query)
        if parts.path == "/started":
            return 200, f"{self.started_s:.3f}"
        if self.mode == "silent":
            return None
        if parts.path == "/healthz":
            return await self._health()
        if self.queued >= QUEUED_MAX:
            return 503, "the queue is full\n"
        self._arrive()
        self.held += 1
        try:
            await self._take_slot()
        finally:
            self.held -= 1
        if self.mode == "error":
            return 500, "told to fail\n"
        self._carry_out(method, request_id)
        return 200, f'{{"replica":"{self.name}","id":"{request_id}"}}\n'

    async def _take_slot(self) -> None:
        self.queued += 1
        try:
            await self.free.acquire()  # asyncio's semaphore lets people in in the order they came
        finally:
            self.queued -= 1
        try:
            weak, usual = self.weakness.cold_takes_s, self.capacity.takes_s
            await asyncio.sleep(weak if self.is_cold else usual)
        finally:
            self.free.release()

    @property
    def is_cold(self) -> bool:
        return time.monotonic() - self.born_s < self.weakness.cold_s

    def _arrive(self) -> None:
        self._write_down("request")
        if self.is_cold and 0 < self.weakness.crash_above <= self.held:
            self._write_down("crash")
            os._exit(CRASHED)

    def _write_down(self, what: str) -> None:
        if self.diary is not None:
            os.write(self.diary, f"{time.monotonic():.6f} {self.name} {what}\n".encode())

    async def _health(self) -> tuple[int, str]:
        if self.capacity.health_through_slots:
            await self._take_slot()
        good = self.mode != "not_ok" and not self.draining
        if good and not self.was_ready:
            self.was_ready = True
            self._write_down("ready")
        return (200, "OK") if good else (503, "draining" if self.draining else "told to say no")

    def _control(self, query: str) -> tuple[int, str]:
        said = {name: values[0] for name, values in parse_qs(query).items()}
        mode, takes_ms = said.get("mode", self.mode), said.get("takes_ms")
        if not said or mode not in MODES or not (takes_ms or "0").isdecimal():
            return 400, f"mode is one of {', '.join(MODES)}; takes_ms is a whole number\n"
        self.mode = mode
        if takes_ms is not None:
            self.capacity = replace(self.capacity, takes_s=int(takes_ms) / 1000)
        return 200, f"{mode}\n"

    def _carry_out(self, method: str, request_id: str) -> None:
        self.handled += 1
        if method == "POST" and self.handled_ids is not None:
            # One write, before the answer: a kill in between leaves the id, never the reverse.
            os.write(self.handled_ids, f"{request_id} {self.name}\n".encode())


class Connection(asyncio.Protocol):
    """One client, who sends his next request after the answer to the last."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._url = self._id = ""
        self._body_bytes = 0
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._write(400, "not HTTP\n", keep_alive=False)

    def connection_lost(self, _: Exception | None) -> None:
        # What may break of too much work drops what nobody waits for any more. Others go on.
        if self._task is not None and self._backend.weakness.crash_above:
            self._task.cancel()

    def on_message_begin(self) -> None:
        self._url = self._id = ""
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-request-id":
            self._id = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        if self._body_bytes > BODY_BYTES_MAX:
            self._write(413, "too large\n", keep_alive=False)
            return
        method = self._parser.get_method().decode("latin-1")
        work = self._serve(method, self._url, self._id, self._parser.should_keep_alive())
        self._backend.in_flight += 1
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._done)

    async def _serve(self, method: str, url: str, request_id: str, keep_alive: bool) -> None:
        answer = await self._backend.answer(method, url, request_id)
        if answer is not None:
            self._write(*answer, keep_alive=keep_alive and not self._backend.draining)

    def _done(self, _: asyncio.Task[None]) -> None:
        self._backend.in_flight -= 1
        if not self._backend.in_flight:
            self._backend.empty.set()

    def _write(self, status: int, body: str, *, keep_alive: bool) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return  # the client has left; the work was done all the same
        close = "" if keep_alive else "connection: close\r\n"
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-length: {len(body)}\r\n"
        transport.write(f"{head}x-replica: {self._backend.name}\r\n{close}\r\n{body}".encode())
        if not keep_alive:
            transport.close()


async def serve(backend: Backend, port: int) -> None:
    """Until SIGTERM: then say no to health, end what is in flight, and leave."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, backend.stopped.set)
    server = await loop.create_server(lambda: Connection(backend), "127.0.0.1", port, backlog=1024)
    backend.started_s = _age_s()
    print(f"{backend.name} on port {server.sockets[0].getsockname()[1]}", flush=True)
    await backend.stopped.wait()
    backend.draining = True
    server.close()
    if backend.in_flight:
        backend.empty.clear()
        await backend.empty.wait()


def _age_s() -> float:
    """Of this process, by the kernel's clock; 0 where it does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        born_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - born_s
    except (OSError, AttributeError):
        return 0.0


def add_capacity(parser: argparse.ArgumentParser) -> None:
    """For everybody who runs this backend: as a process here, elsewhere inside another server."""
    parser.add_argument("--slots", type=int, default=64, help="requests worked on at once")
    parser.add_argument("--takes-ms", type=float, default=5.0, help="how long each takes")
    parser.add_argument("--health-through-slots", action="store_true")
    parser.add_argument("--handled-ids", type=Path, help="append the id of every POST here")
    parser.add_argument("--crash-above", type=int, default=0, help="die of more requests at once")
    parser.add_argument("--cold-s", type=float, default=0.0, help="how long it is slower at first")
    parser.add_argument("--cold-takes-ms", type=float, default=0.0, help="each request, then")
    parser.add_argument("--diary", type=Path, help="append what happens to it here")


def capacity_of(said: argparse.Namespace) -> Capacity:
    return Capacity(said.slots, said.takes_ms / 1000, said.health_through_slots)


def weakness_of(said: argparse.Namespace) -> Weakness:
    return Weakness(said.crash_above, said.cold_s, said.cold_takes_ms / 1000)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "0")))
    add_capacity(parser)
    return parser.parse_args()


def _for_appending(file: Path | None) -> int | None:
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if file else None


def main() -> int:
    said = _arguments()
    ids, diary = _for_appending(said.handled_ids), _for_appending(said.diary)

    async def run() -> None:
        name = os.environ.get("HW_REPLICA", "backend")
        backend = Backend(name, capacity_of(said), ids, weakness_of(said), diary)
        await serve(backend, said.port)

    asyncio.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
