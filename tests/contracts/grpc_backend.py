"""A small gRPC server whose messages are plain bytes: `grpc_backend.py NAME PORT`.

`/test.Echo/Say` answers with its name after as many milliseconds as it is told; `Left` with the
milliseconds that its caller leaves it; `Peak` with how many calls it held at once at most; `Count`
streams as many numbers as it is told, one per 5 ms.

SIGTERM: no new calls, those on their way end, then it exits.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc  # type: ignore[import-untyped]

GRACE_S = 3.0


class Echo:
    def __init__(self, name: str) -> None:
        self.name = name
        self.held = 0
        self.peak = 0

    async def say(self, request: bytes, _: Any) -> bytes:
        self.held += 1
        self.peak = max(self.peak, self.held)
        try:
            await asyncio.sleep(int(request or b"0") / 1000)
        finally:
            self.held -= 1
        return self.name.encode()

    async def left(self, _: bytes, context: Any) -> bytes:
        left_s = context.time_remaining()
        return b"none" if left_s is None else str(round(left_s * 1000)).encode()

    async def told_peak(self, _: bytes, __: Any) -> bytes:
        return str(self.peak).encode()

    async def count(self, request: bytes, _: Any) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield f"{self.name} {number}".encode()
            await asyncio.sleep(0.005)


async def main(name: str, port: int) -> None:
    echo = Echo(name)
    methods = {
        "Say": grpc.unary_unary_rpc_method_handler(echo.say),
        "Left": grpc.unary_unary_rpc_method_handler(echo.left),
        "Peak": grpc.unary_unary_rpc_method_handler(echo.told_peak),
        "Count": grpc.unary_stream_rpc_method_handler(echo.count),
    }
    server = grpc.aio.server()
    handler = grpc.method_handlers_generic_handler("test.Echo", methods)
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print("listening", flush=True)  # noqa: T201
    await ended.wait()
    await server.stop(GRACE_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
