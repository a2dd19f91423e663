"""A small service for test_service_contract.py, served by a real uvicorn under headway-run."""

import asyncio
import json
import os
from pathlib import Path

from headway_sdk import Service
from headway_sdk.asgi import Receive, Scope, Send

svc = Service("contract", check_every_s=0.02)


@svc.ready_check
def words() -> bool | str:
    return Path(os.environ["WORDS"]).exists() or "no words yet"


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    body = json.dumps({"pid": os.getpid(), "path": scope["path"]}).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = svc.asgi(inner)
