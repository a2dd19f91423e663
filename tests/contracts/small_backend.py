"""A small HTTP server whose health and manners the tests set: `small_backend.py NAME PORT`.

`/healthz` says what `/set?health=…` told it last; `/set?pace_ms=…` makes it slow. `/slow?ms=50`
takes its time, `/hang` takes for ever, `/drop` reads the request and ends the connection
without an answer; an upgrade is echoed. Every answer bears the server's name; `/seen` lists the
`id` headers of all requests that were read, `/peak` says how many it held at once at most.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

Headers = dict[str, str]
CONTROLS = frozenset({"/healthz", "/set", "/seen", "/peak"})


class Backend:
    def __init__(self, name: str) -> None:
        self.name = name
        self.health = "OK"
        self.health_ms = 0.0
        self.pace_ms = 0.0
        self.seen: list[str] = []
        self.held = 0
        self.peak = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        _, target, _ = head[0].split(" ")
        pairs = (line.partition(": ") for line in head[1:] if line)
        headers = {key.lower(): value for key, _, value in pairs}
        await reader.readexactly(int(headers.get("content-length", 0)))
        if "id" in headers:
            self.seen.append(headers["id"])
        url = urlsplit(target)
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path == "/drop":
            return False
        if "upgrade" in headers:
            return await self._echo(reader, writer)
        status, text = await self._held(url.path, asked, headers)
        body = text.encode()
        start = (
            f"HTTP/1.1 {status} x\r\nreplica: {self.name}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(start.encode() + body)
        await writer.drain()
        return True

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        while data := await reader.read(1024):
            writer.write(data)
        return False

    async def _held(self, path: str, asked: Headers, headers: Headers) -> tuple[int, str]:
        if path in CONTROLS:
            return await self._answer(path, asked, headers)
        self.held += 1
        self.peak = max(self.peak, self.held)
        try:
            return await self._answer(path, asked, headers)
        finally:
            self.held -= 1

    async def _answer(self, path: str, asked: Headers, headers: Headers) -> tuple[int, str]:
        match path:
            case "/healthz":
                await asyncio.sleep(self.health_ms / 1000)
                return 200, self.health
            case "/set":
                self.health = asked.get("health", self.health)
                self.health_ms = float(asked.get("health_ms", self.health_ms))
                self.pace_ms = float(asked.get("pace_ms", self.pace_ms))
                return 200, "set"
            case "/slow":
                await asyncio.sleep(float(asked["ms"]) / 1000)
            case "/hang":
                await asyncio.Event().wait()
            case "/seen":
                return 200, json.dumps(self.seen)
            case "/peak":
                return 200, str(self.peak)
            case "/status":
                return int(asked["code"]), "as asked"
            case _:
                await asyncio.sleep(self.pace_ms / 1000)
        return 200, json.dumps(headers)


async def main(name: str, port: int) -> None:
    server = await asyncio.start_server(Backend(name).serve, "127.0.0.1", port, backlog=512)
    print("listening", flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
