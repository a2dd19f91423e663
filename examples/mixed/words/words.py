"""A plain ASGI function: no framework, no SDK. Says who it is, and a word of the minute."""

import json
import os
import platform
import time
from collections.abc import Awaitable, Callable
from typing import Any

WORDS = ("steady", "patient", "plain", "careful", "quick", "calm")
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], _receive: object, send: Send) -> None:
    if scope["type"] != "http":  # uvicorn asks for a lifespan too; there is none
        raise NotImplementedError
    said = {
        "replica": os.environ.get("HW_REPLICA", "?"),
        "program": f"Python {platform.python_version()}",
        "word": WORDS[int(time.time() / 60) % len(WORDS)],
    }
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
