"""A small WebSocket server: `websocket_backend.py NAME PORT`.

It greets with its name, then echoes. Its health is `OK` at /healthz. SIGTERM: it takes nobody new
and says goodbye (1001, going away) to those who are there.
"""

import asyncio
import signal
import sys
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

PEAK = "peak"


async def main(name: str, port: int) -> None:
    held = peak = 0

    async def echo(socket: ServerConnection) -> None:
        nonlocal held, peak
        held += 1
        peak = max(peak, held)
        try:
            await socket.send(name)
            async for message in socket:
                await socket.send(str(peak) if message == PEAK else message)
        finally:
            held -= 1

    def healthz(connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/healthz":
            return connection.respond(HTTPStatus.OK, "OK")
        return None

    async with serve(echo, "127.0.0.1", port, process_request=healthz) as server:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, server.close)
        print("listening", flush=True)  # noqa: T201
        await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
