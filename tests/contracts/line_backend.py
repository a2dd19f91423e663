"""A small server of lines over TCP: `line_backend.py NAME PORT`.

It greets with its name and answers each line with the same line; to `peak` with how many
connections it held at once at most. SIGTERM: nobody new gets in, those inside are let end.
"""

import asyncio
import signal
import sys

LINE_BYTES_MAX = 1 << 16


async def main(name: str, port: int) -> None:
    held = peak = 0
    empty, ended = asyncio.Event(), asyncio.Event()
    empty.set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal held, peak
        held += 1
        empty.clear()
        try:
            writer.write(f"{name}\n".encode())
            while line := await reader.readline():
                # Envoy's checks connect and say nothing; they are not held against us.
                peak = max(peak, held)
                writer.write(f"{peak}\n".encode() if line == b"peak\n" else line)
                await writer.drain()
        except OSError:
            pass
        finally:
            held -= 1
            writer.close()
            if held == 0:
                empty.set()

    server = await asyncio.start_server(answer, "127.0.0.1", port, limit=LINE_BYTES_MAX)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print("listening", flush=True)  # noqa: T201
    await ended.wait()
    server.close()
    await empty.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
