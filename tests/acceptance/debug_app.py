"""A small service with headway-sdk for test_live_debugging.py."""

import os

from headway_sdk import Service
from headway_sdk.asgi import Receive, Scope, Send

svc = Service()


@svc.traced
def greeting(name: str, password: str) -> str:
    assert password == os.environ["KEY"]
    return f"hello {name}"


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    body = greeting("you", os.environ["KEY"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


app = svc.asgi(inner)
