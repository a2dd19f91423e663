"""The status page: everything about one replica, nothing of its secrets, nothing unescaped."""

import asyncio
import io

from headway_sdk import Service
from headway_sdk.asgi import Receive, Scope, Send
from headway_sdk.testing import ask

ENVIRON = {
    "HW_SERVICE": "index",
    "HW_REPLICA": "index-1",
    "HW_RELEASE": "r3f9c1e2",
    "HW_ENV": "search/production",
    "HW_SHARD": "2",
    "HW_ADS_URL": "http://127.0.0.1:29001",
    "KEY": "planted-secret",
}


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    status = 503 if scope["path"].startswith("/busy") else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def asked(*targets: str, accept: str = "text/html") -> str:
    app = Service(environ=ENVIRON, log=io.StringIO()).asgi(hello)

    async def story() -> str:
        for target in targets:
            await ask(app, target)
        return (await ask(app, "/statusz", headers={"accept": accept})).text

    return asyncio.run(story())


def test_it_is_json_for_programs() -> None:
    app = Service(environ=ENVIRON, log=io.StringIO()).asgi(hello)

    async def story() -> dict[str, object]:
        for target in ("/a", "/busy"):
            await ask(app, target)
        by_query = (await ask(app, "/statusz?format=json")).json()
        by_accept = (await ask(app, "/statusz", headers={"accept": "application/json"})).json()
        assert by_query.keys() == by_accept.keys()
        return dict(by_query)

    seen = asyncio.run(story())
    assert (seen["service"], seen["replica"], seen["release"]) == ("index", "index-1", "r3f9c1e2")
    assert (seen["phase"], seen["healthy"]) == ("serving", True)
    assert seen["answered"] == {"2xx": 1, "5xx": 1}
    assert isinstance(seen["errors"], list)
    assert [error["path"] for error in seen["errors"]] == ["/busy"]


def test_no_value_of_the_environment_but_its_own_names_is_shown() -> None:
    for accept in ("text/html", "application/json"):
        page = asked("/a", accept=accept)
        assert "planted-secret" not in page
        assert "29001" not in page


def test_what_came_from_outside_is_escaped() -> None:
    page = asked("/<script>alert(1)</script>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_what_is_remembered_is_bounded() -> None:
    page = asked(*(f"/busy-{number}" for number in range(200)), accept="application/json")
    assert page.count("/busy-") == 100  # fifty requests, fifty errors
