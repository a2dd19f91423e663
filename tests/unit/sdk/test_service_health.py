"""What `/healthz` says, and what the service does with every other request."""

import asyncio
import io
import json
from pathlib import Path

import pytest

from headway_sdk import Service, request_id
from headway_sdk.asgi import App, Message, Receive, Scope, Send
from headway_sdk.testing import ask, started


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that knows no lifespan."""
    assert scope["type"] == "http"
    if scope["path"] == "/broken":
        raise RuntimeError("the secret of this exception")
    status = 503 if scope["path"] == "/busy" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": f"hello {request_id()}".encode()})


def service(log: io.StringIO | None = None, **environ: str) -> tuple[Service, App]:
    svc = Service("web", environ=environ, log=log or io.StringIO(), check_every_s=0.01)
    return svc, svc.asgi(hello)


def test_a_service_that_wants_traffic_says_exactly_ok() -> None:
    _, app = service()
    reply = asyncio.run(ask(app, "/healthz"))
    assert (reply.status, reply.body) == (200, b"OK")


def test_a_service_is_not_healthy_before_its_own_start_has_ended() -> None:
    release = asyncio.Event()

    async def slow_start(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await release.wait()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

    async def story() -> tuple[int, str, int]:
        app = Service("web", environ={}, log=io.StringIO()).asgi(slow_start)
        life = started(app)
        starting = asyncio.ensure_future(life.__aenter__())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        before = await ask(app, "/healthz")
        release.set()
        await starting
        after = await ask(app, "/healthz")
        await life.__aexit__(None, None, None)
        return before.status, before.text, after.status

    assert asyncio.run(story()) == (503, "starting", 200)


def test_a_failed_start_never_becomes_healthy() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no words"})

    async def story() -> int:
        app = Service("web", environ={}, log=io.StringIO()).asgi(failing)
        async with started(app):
            return (await ask(app, "/healthz")).status

    assert asyncio.run(story()) == 503


def test_an_application_without_lifespan_still_starts() -> None:
    _, app = service()

    async def story() -> int:
        with pytest.raises(AssertionError):
            async with started(app):
                pass
        return (await ask(app, "/healthz")).status

    assert asyncio.run(story()) == 200


def test_the_drain_flag_turns_health_negative_while_requests_are_still_served(
    tmp_path: Path,
) -> None:
    flag = tmp_path / "drain"
    _, app = service(HW_DRAIN_FILE=str(flag))
    assert asyncio.run(ask(app, "/healthz")).status == 200
    flag.touch()
    health, page = asyncio.run(ask(app, "/healthz")), asyncio.run(ask(app, "/"))
    assert (health.status, health.text) == (503, "draining: the process was told to end")
    assert (page.status, page.headers["connection"]) == (200, "close")


def test_a_service_can_drain_itself_and_never_goes_back() -> None:
    svc, app = service()
    svc.drain("the disk is full")
    assert asyncio.run(ask(app, "/healthz")).text == "draining: the disk is full"
    svc.drain("again")
    assert asyncio.run(ask(app, "/healthz")).text == "draining: the disk is full"


def test_while_serving_connections_are_kept() -> None:
    _, app = service()
    assert "connection" not in asyncio.run(ask(app, "/")).headers


def test_the_caller_s_request_id_comes_back_and_reaches_the_application() -> None:
    _, app = service()
    reply = asyncio.run(ask(app, "/", headers={"x-request-id": "abc-1"}))
    assert (reply.headers["x-request-id"], reply.text) == ("abc-1", "hello abc-1")


@pytest.mark.parametrize("bad", ["", "two words", "x" * 129, "<script>", "a\nb"])
def test_a_request_id_that_is_no_id_is_replaced(bad: str) -> None:
    _, app = service()
    given = asyncio.run(ask(app, "/", headers={"x-request-id": bad})).headers["x-request-id"]
    assert given != bad
    assert len(given) == 32


def test_each_request_is_one_json_line_without_its_query() -> None:
    log = io.StringIO()
    _, app = service(log, HW_REPLICA="web-2")
    asyncio.run(ask(app, "/find?q=private", headers={"x-request-id": "abc-1"}))
    asyncio.run(ask(app, "/healthz"))
    [line] = log.getvalue().splitlines()
    seen = json.loads(line)
    assert "private" not in line
    assert seen.pop("ts").endswith("Z")
    assert seen.pop("ms") >= 0
    assert seen == {
        "level": "info",
        "msg": "request",
        "method": "GET",
        "path": "/find",
        "status": 200,
        "request_id": "abc-1",
        "replica": "web-2",
    }


def test_an_exception_is_logged_by_its_kind_and_raised_on() -> None:
    log = io.StringIO()
    svc, app = service(log)
    with pytest.raises(RuntimeError):
        asyncio.run(ask(app, "/broken"))
    seen = json.loads(log.getvalue())
    assert (seen["level"], seen["status"], seen["error"]) == ("error", 500, "RuntimeError")
    assert "secret" not in log.getvalue()
    assert svc.in_flight == 0


def test_a_log_nobody_reads_any_more_fails_no_request() -> None:
    log = io.StringIO()
    _, app = service(log)
    log.close()
    assert asyncio.run(ask(app, "/")).status == 200


def test_metrics_count_requests_by_method_and_status_class() -> None:
    _, app = service()
    for _ in range(2):
        asyncio.run(ask(app, "/"))
    asyncio.run(ask(app, "/busy", method="BREW"))
    text = asyncio.run(ask(app, "/metrics")).text
    assert 'hw_requests_total{method="GET",status="2xx"} 2.0' in text
    assert 'hw_requests_total{method="other",status="5xx"} 1.0' in text
    assert "hw_request_seconds_count 3.0" in text
    assert "hw_requests_in_flight 0.0" in text
    assert "hw_healthy 1.0" in text


@pytest.mark.parametrize("path", ["/metrics", "/statusz"])
def test_what_came_through_a_proxy_never_sees_the_inside(path: str) -> None:
    _, app = service()
    reply = asyncio.run(ask(app, path, headers={"x-forwarded-for": "203.0.113.9"}))
    assert reply.text.startswith("hello")  # the application's own page, or its 404


def test_health_only_answers_questions() -> None:
    _, app = service()
    assert asyncio.run(ask(app, "/healthz", method="POST")).status == 405
    assert asyncio.run(ask(app, "/healthz", method="HEAD")).body == b""


def test_a_web_socket_passes_through_and_is_counted_while_open() -> None:
    seen: list[int] = []
    svc = Service("web", environ={}, log=io.StringIO())

    async def socket(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(svc.open_websockets)
        await send(await receive())

    async def story() -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await svc.asgi(socket)({"type": "websocket", "headers": []}, receive, send)
        return sent

    assert asyncio.run(story()) == [{"type": "websocket.connect"}]
    assert (seen, svc.open_websockets) == ([1], 0)
