"""One question to one backend, past every proxy."""

import asyncio

ANSWER_S_MAX = 5.0


async def ask(port: int, path: str) -> str:
    """The text of a good answer; anything else is an error that names it."""
    async with asyncio.timeout(ANSWER_S_MAX):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            head, _, text = (await reader.read()).decode().partition("\r\n\r\n")
        finally:
            writer.close()
    if " 200 " not in head:
        raise ConnectionError(f"the backend on port {port} answers {head!r} to {path}")
    return text
