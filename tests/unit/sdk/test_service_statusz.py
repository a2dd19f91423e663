"""The status page: everything about one replica, nothing of its secrets, nothing unescaped."""

import asyncio
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from headway_sdk import Service
from headway_sdk.asgi import App, Receive, Scope, Send
from headway_sdk.testing import ask

ENVIRON = {
    "HW_SERVICE": "index",
    "HW_REPLICA": "index-1",
    "HW_RELEASE": "r3f9c1e2",
    "HW_ENV": "search/production",
    "HW_SHARD": "2",
    "HW_ADS_URL": "http://127.0.0.1:29001",
    "HW_LIFE": "a1b2.index-1.3",
    "HW_SECRET_NAMES": "WHERE,STORE",
    "WHERE": "planted-secret",
    "STORE": "redis://cache:planted-password@127.0.0.1:6379",
    "COPY": "sent as planted-secret",
    "API_KEY": "planted-elsewhere",
    "WORDS": "./words.txt",
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


def test_what_was_configured_is_shown_and_no_secret_of_it() -> None:
    for accept in ("text/html", "application/json"):
        page = asked("/a", accept=accept)
        assert "http://127.0.0.1:29001" in page
        assert "./words.txt" in page
        assert "planted" not in page
        assert "HW_LIFE" not in page
        assert page.count("***") == 4


def test_what_came_from_outside_is_escaped() -> None:
    page = asked("/<script>alert(1)</script>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_what_is_remembered_is_bounded() -> None:
    page = asked(*(f"/busy-{number}" for number in range(200)), accept="application/json")
    assert page.count("/busy-") == 70  # fifty requests, twenty errors


def app_of(inner: App, **environ: str) -> tuple[Service, App]:
    service = Service(environ=ENVIRON | environ, log=io.StringIO())
    return service, service.asgi(inner)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "192.0.2.7"},  # through the entry
        {"x-envoy-expected-rq-timeout-ms": "150"},  # through an arrow: its caller may be a proxy
        {"x-envoy-anything": "1"},
        {"host": "evil.example"},  # by a web page in somebody's browser
        {"host": "evil.example:30289"},
        {"forwarded": "for=192.0.2.7"},
    ],
)
@pytest.mark.parametrize("path", ["/statusz", "/metrics"])
def test_only_who_asks_the_replica_itself_sees_its_insides(
    headers: dict[str, str], path: str
) -> None:
    _, app = app_of(hello)
    assert asyncio.run(ask(app, path, headers=headers)).text == "hello"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:30289", "localhost", "[::1]:1", "[::1]", "LOCALHOST:9"]
)
def test_a_person_at_the_machine_sees_the_page(host: str) -> None:
    _, app = app_of(hello)
    assert "Recent requests" not in asyncio.run(ask(app, "/statusz", headers={"host": host})).text
    assert "<h1>index-1</h1>" in asyncio.run(ask(app, "/statusz", headers={"host": host})).text


def test_requests_in_flight_are_shown_with_their_age() -> None:
    async def story() -> dict[str, Any]:
        entered, go = asyncio.Event(), asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            entered.set()
            await go.wait()
            await hello(scope, receive, send)

        _, app = app_of(slow)
        asking = asyncio.create_task(ask(app, "/slow?q=planted"))
        await entered.wait()
        seen: dict[str, Any] = (await ask(app, "/statusz?format=json")).json()
        page = (await ask(app, "/statusz")).text
        assert "In flight, the oldest first" in page
        assert "planted" not in page
        go.set()
        await asking
        assert (await ask(app, "/statusz?format=json")).json()["in_flight"] == 0
        return seen

    seen = asyncio.run(story())
    assert seen["in_flight"] == 1
    assert seen["in_flight_oldest"][0]["path"] == "/slow"
    assert seen["in_flight_oldest"][0]["age_s"] >= 0


def test_an_error_is_remembered_with_its_place_and_without_its_text() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("planted-text")

    async def story() -> dict[str, Any]:
        _, app = app_of(broken)
        for _ in range(30):
            with pytest.raises(LookupError):
                await ask(app, "/x", headers={"x-request-id": "id-1"})
        page = await ask(app, "/statusz")
        assert "planted" not in page.text
        found: dict[str, Any] = (await ask(app, "/statusz?format=json")).json()
        return found

    seen = asyncio.run(story())
    assert len(seen["errors"]) == 20
    error = seen["errors"][0]
    assert (error["path"], error["error"], error["request_id"]) == ("/x", "LookupError", "id-1")
    assert error["at"].startswith("sdk/test_service_statusz.py:")
    assert error["at"].endswith("broken")
    assert "planted" not in str(seen)


def test_answers_later_than_their_budget_are_counted() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.02)
        await hello(scope, receive, send)

    async def story() -> tuple[int, str]:
        service, app = app_of(slow)
        for budget in ("1", "10000", "nonsense", "0"):
            await ask(app, "/", headers={"headway-budget-ms": budget})
        await ask(app, "/", headers={"x-envoy-expected-rq-timeout-ms": "5"})
        both = {"headway-budget-ms": "1", "x-envoy-expected-rq-timeout-ms": "10000"}
        await ask(app, "/", headers=both)
        return service.budget_misses, (await ask(app, "/metrics")).text

    misses, metrics = asyncio.run(story())
    assert misses == 3
    assert "hw_budget_misses_total 3.0" in metrics


def test_the_log_level_is_shown_with_its_end(tmp_path: Path) -> None:
    control = tmp_path / "web.json"
    until = "2099-01-01T00:00:00Z"
    said = {"version": 1, "log_level": "error", "log_level_until": until}
    control.write_text(json.dumps(said))

    async def story() -> dict[str, Any]:
        _, app = app_of(hello, HW_CONTROL=str(control))
        seen: dict[str, Any] = (await ask(app, "/statusz?format=json")).json()
        assert until in (await ask(app, "/statusz")).text
        control.unlink()
        return seen

    root = logging.getLogger()
    level = root.level
    try:
        seen = asyncio.run(story())
    finally:
        root.setLevel(level)
    assert (seen["log_level"], seen["log_level_until"]) == ("error", until)
