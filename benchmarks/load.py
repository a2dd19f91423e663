"""Users at one address: `OpenLoop` sends at a fixed rate, `ClosedLoop` as fast as it is answered.

Open loop is the honest one for failures: arrivals do not wait for answers, so an outage costs as
many requests as users would have made. Connections are bounded; a request that finds all of them
busy waits, its clock running since it was due. Nothing is ever sent twice.

    python -m benchmarks.load http://127.0.0.1:8080/ --rate 500 --for 10
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from benchmarks.connection import Answer, Connection
from benchmarks.summary import Record, describe, summarize

AFTER_FAILURE_S = 0.02
WAITING_MAX = 100_000  # more than any run should ever have unsent; then it fails at once


@dataclass(frozen=True, slots=True)
class Target:
    host: str
    port: int
    path: str = "/"

    @classmethod
    def of(cls, url: str) -> "Target":
        parts = urlsplit(url)
        assert parts.scheme == "http", f"only http:// is supported, not {url}"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname or "127.0.0.1", parts.port or 80, path)

    def request(self, method: str, request_id: str) -> bytes:
        body = f'{{"id":"{request_id}"}}' if method == "POST" else ""
        length = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return (
            f"{method} {self.path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\n"
            f"x-request-id: {request_id}\r\n{length if body else ''}\r\n{body}"
        ).encode()


@dataclass(frozen=True, slots=True)
class Limits:
    connections_max: int = 512
    timeout_s: float = 5.0  # from due to done
    post_every: int = 0  # every n-th request is a POST; 0: none


@dataclass(slots=True, eq=False)
class _Request:
    id: str
    method: str
    due_s: float
    timeout: asyncio.TimerHandle | None = None
    connection: Connection | None = None
    done: bool = False


@dataclass(slots=True)
class _Pool:
    idle: list[Connection] = field(default_factory=list)
    busy: dict[Connection, _Request] = field(default_factory=dict)
    opening: int = 0


class Users:
    """Sends requests over a bounded set of connections and keeps a record of each."""

    def __init__(self, target: Target, limits: Limits, *, name: str = "r") -> None:
        self.records: list[Record] = []
        self.began_at_s = time.time()  # wall clock, to compare with other logs
        self._target, self._limits, self._name = target, limits, name
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._made = 0
        self._pool = _Pool()
        self._waiting: deque[_Request] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._all_answered = asyncio.Event()
        self.on_record: Callable[[Record], None] = lambda _: None

    @property
    def now_s(self) -> float:
        return self._loop.time() - self._began_s

    @property
    def unanswered(self) -> int:
        return self._made - len(self.records)

    def send(self, due_s: float) -> None:
        self._made += 1
        every = self._limits.post_every
        method = "POST" if every and self._made % every == 0 else "GET"
        request = _Request(f"{self._name}-{self._made}", method, due_s)
        late_s = self.now_s - due_s
        request.timeout = self._loop.call_later(
            max(0.0, self._limits.timeout_s - late_s), self._give_up, request
        )
        if len(self._waiting) >= WAITING_MAX:
            self._record(request, Answer(None, "never sent"))
            return
        self._waiting.append(request)
        self._write_waiting()

    async def finish(self) -> None:
        """Wait for what is still unanswered (each has its timeout), then close everything."""
        if self.unanswered:
            self._all_answered.clear()
            await self._all_answered.wait()
        for task in self._opening:
            task.cancel()
        for connection in self._pool.idle:
            connection.close()
        await asyncio.sleep(0)  # transports close in the next turn of the loop

    def _write_waiting(self) -> None:
        pool = self._pool
        while self._waiting:
            while pool.idle and not pool.idle[-1].usable:
                pool.idle.pop()  # closed by the server while nobody used it
            if not pool.idle:
                break
            request = self._waiting.popleft()
            if request.done:
                continue  # timed out before it could be written
            connection = pool.idle.pop()
            request.connection = connection
            pool.busy[connection] = request
            connection.send(self._target.request(request.method, request.id))
        self._open_more()

    def _open_more(self) -> None:
        pool = self._pool
        room = self._limits.connections_max - len(pool.idle) - len(pool.busy) - pool.opening
        for _ in range(min(room, len(self._waiting) - pool.opening)):
            pool.opening += 1
            task = self._loop.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        error = ""
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._on_done, self._on_closed),
                    self._target.host,
                    self._target.port,
                )
            self._pool.idle.append(connection)
        except ConnectionRefusedError:
            error = "refused"
        except OSError:
            error = "not connected"
        finally:
            self._pool.opening -= 1
        if error:  # it was opened for somebody: the one who has waited longest
            self._fail_first_waiting(error)
        self._write_waiting()

    def _fail_first_waiting(self, error: str) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            if not request.done:
                self._record(request, Answer(None, error))
                return

    def _on_done(self, connection: Connection, answer: Answer) -> None:
        request = self._pool.busy.pop(connection)
        if connection.usable:
            self._pool.idle.append(connection)
        self._record(request, answer)
        self._write_waiting()

    def _on_closed(self, connection: Connection) -> None:
        if connection in self._pool.idle:
            self._pool.idle.remove(connection)
        self._write_waiting()  # there is room for another

    def _give_up(self, request: _Request) -> None:
        if request.connection is not None:
            self._pool.busy.pop(request.connection, None)
            request.connection.abort()
        self._record(request, Answer(None, "timeout"))

    def _record(self, request: _Request, answer: Answer) -> None:
        assert not request.done, "every request ends exactly once"
        request.done = True
        if request.timeout is not None:
            request.timeout.cancel()
        record = Record(
            id=request.id,
            method=request.method,
            due_s=request.due_s,
            end_s=self.now_s,
            status=answer.status,
            error=answer.error,
            answered_by=answer.answered_by,
        )
        self.records.append(record)
        self.on_record(record)
        if not self.unanswered:
            self._all_answered.set()


class Load(Protocol):
    """What a scenario holds while it breaks things."""

    async def stop(self) -> list[Record]: ...


class OpenLoop:
    """Begins at once; `stop()` ends the arrivals, waits for the last answers, gives the records."""

    def __init__(self, users: Users, rate_s: float) -> None:
        assert rate_s > 0, "a rate is requests per second, above zero"
        self.users = users
        self._interval_s = 1 / rate_s
        self._next_due_s = users.now_s
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_soon(self._send_due)

    def _send_due(self) -> None:
        now_s = self.users.now_s
        while self._next_due_s <= now_s:
            self.users.send(self._next_due_s)
            self._next_due_s += self._interval_s
        self._timer = self._loop.call_later(self._next_due_s - now_s, self._send_due)

    async def stop(self) -> list[Record]:
        self._timer.cancel()
        await self.users.finish()
        return self.users.records


class ClosedLoop:
    """So many users, each of whom asks again as soon as he has his answer."""

    def __init__(self, users: Users, user_count: int) -> None:
        self.users = users
        self._stopped = False
        self._loop = asyncio.get_running_loop()
        users.on_record = self._ask_again
        for _ in range(user_count):
            users.send(users.now_s)

    def _ask_again(self, record: Record) -> None:
        # A user who was refused looks up for a moment; otherwise an outage would be a hot loop.
        self._loop.call_later(0.0 if record.ok else AFTER_FAILURE_S, self._ask)

    def _ask(self) -> None:
        if not self._stopped:
            self.users.send(self.users.now_s)

    async def stop(self) -> list[Record]:
        self._stopped = True
        await self.users.finish()
        return self.users.records


async def run_for(load: Load, duration_s: float) -> list[Record]:
    await asyncio.sleep(duration_s)
    return await load.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second (open loop)")
    parser.add_argument("--users", type=int, default=0, help="closed loop with so many users")
    parser.add_argument("--for", dest="duration_s", type=float, default=10.0, help="seconds")
    parser.add_argument("--connections", type=int, default=512)
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds from due to done")
    parser.add_argument("--post-every", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the summary and every record here")
    return parser.parse_args()


async def _main(said: argparse.Namespace) -> int:
    limits = Limits(said.connections, said.timeout, said.post_every)
    users = Users(Target.of(said.url), limits)
    load = ClosedLoop(users, said.users) if said.users else OpenLoop(users, said.rate)
    records = await run_for(load, said.duration_s)
    used = resource.getrusage(resource.RUSAGE_SELF)
    summary = summarize(records)
    print(describe(summary))
    cpu_s = used.ru_utime + used.ru_stime
    print(f"the generator itself used {100 * cpu_s / said.duration_s:.1f} % of a core")
    if said.json:
        rows = [(r.id, r.due_s, r.end_s, r.status, r.error, r.answered_by) for r in records]
        said.json.write_text(json.dumps({"summary": summary.as_json(), "records": rows}))
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_arguments())))
