"""Envoy's admin, over its private Unix socket: a small client with limits on everything."""

import asyncio
import json
from pathlib import Path

from headway.model.errors import TrafficError
from headway.traffic.hosts import HostStats, hosts

ANSWER_BYTES_MAX = 16 * 1024 * 1024
ANSWER_S_MAX = 2.0
SOCKET_PATH_BYTES_MAX = 107  # a limit of the kernel


class AdminUnreachableError(TrafficError):
    """Nobody answers there, now: Envoy is starting, gone or stuck."""


class Admin:
    def __init__(self, socket: Path) -> None:
        self._socket = socket

    @property
    def socket(self) -> Path:
        return self._socket

    async def ready(self) -> bool:
        """True when Envoy has its whole first configuration and takes requests."""
        try:
            status, text = await self._ask("GET", "/ready")
        except AdminUnreachableError:
            return False
        return status == 200 and text.strip() == "LIVE"

    async def stats(self, pattern: str) -> dict[str, str]:
        """Counters, gauges and texts whose name fits the regular expression."""
        lines = (await self._get(f"/stats?filter={pattern}")).splitlines()
        pairs = (line.partition(": ") for line in lines)
        return {name: value.strip('"') for name, _, value in pairs}

    async def hosts(self) -> tuple[HostStats, ...]:
        return hosts(await self._get("/clusters?format=json"))

    async def listening(self) -> tuple[tuple[str, int], ...]:
        """Every address on which it takes connections."""
        listeners = json.loads(await self._get("/listeners?format=json"))["listener_statuses"]
        places = [listener["local_address"]["socket_address"] for listener in listeners]
        return tuple((place["address"], place["port_value"]) for place in places)

    async def dump(self, resource: str) -> str:
        """Envoy's own view of one kind of resource, as JSON text."""
        return await self._get(f"/config_dump?resource={resource}")

    async def drain(self) -> None:
        """Tell every client to go elsewhere; end nothing that is on its way."""
        await self._post("/drain_listeners?graceful")

    async def quit(self) -> None:
        await self._post("/quitquitquit")

    async def _get(self, path: str) -> str:
        return await self._expect_ok("GET", path)

    async def _post(self, path: str) -> str:
        return await self._expect_ok("POST", path)

    async def _expect_ok(self, method: str, path: str) -> str:
        status, text = await self._ask(method, path)
        if status != 200:
            raise TrafficError(f"Envoy answered {status} to {method} {path}: {text[:200].strip()}")
        return text

    async def _ask(self, method: str, path: str) -> tuple[int, str]:
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                answer = await self._exchange(method, path)
        except (OSError, TimeoutError, EOFError) as error:
            why = f"no answer in {ANSWER_S_MAX:g} s" if isinstance(error, TimeoutError) else error
            raise AdminUnreachableError(
                f"Envoy's admin at {self._socket} cannot be reached: {why}",
                remedy="Envoy is restarted by itself; if this stays, see its log.",
            ) from error
        return _parse(answer)

    async def _exchange(self, method: str, path: str) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        try:
            head = f"{method} {path} HTTP/1.1\r\nhost: admin\r\ncontent-length: 0\r\n"
            writer.write(f"{head}connection: close\r\n\r\n".encode())
            chunks, size = [], 0
            while chunk := await reader.read(64 * 1024):
                chunks.append(chunk)
                size += len(chunk)
                if size > ANSWER_BYTES_MAX:
                    raise EOFError(f"its answer is longer than {ANSWER_BYTES_MAX} bytes")
            return b"".join(chunks)
        finally:
            writer.close()


def _parse(answer: bytes) -> tuple[int, str]:
    """The status and the text of a whole answer that ended with its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").lower().split("\r\n")
    if not first.startswith("http/1.1 "):
        raise AdminUnreachableError(f"Envoy's admin did not answer in HTTP: {first[:80]!r}")
    if "transfer-encoding: chunked" in fields:
        body = _without_chunks(body)
    return int(first.split()[1]), body.decode(errors="replace")


def _without_chunks(body: bytes) -> bytes:
    parts: list[bytes] = []
    while body:
        size_text, _, rest = body.partition(b"\r\n")
        size = int(size_text.split(b";")[0] or b"0", 16)
        if size == 0:
            return b"".join(parts)
        parts.append(rest[:size])
        body = rest[size + 2 :]
    raise AdminUnreachableError("Envoy's admin broke off in the middle of an answer")
