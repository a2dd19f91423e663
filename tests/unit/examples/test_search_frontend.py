"""The page is made of what has answered in time; what has not is left out and named.

Method: tiny real servers on loopback play the callees, well and badly.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from search import ads, page
from search.client import BODY_BYTES_MAX, Backend, CallError
from search.compose import Part
from search.frontend import Frontend
from search.page import Made
from starlette.applications import Starlette

from headway_sdk import Service
from headway_sdk.testing import Reply, ask

HIT = {"id": 7, "title": "asyncio.<Queue>", "place": "q.py, line 1", "snippet": "A <b>queue</b>."}
GOOD: dict[str, Mapping[str, Any]] = {
    "index": {"replica": "index-2", "total": 1, "hits": [HIT]},
    "spell": {"replica": "spell-1", "correction": ""},
    "ads": {"replica": "ads-1", "ads": [{"title": "Warp & Weft", "text": "Threads."}]},
}

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
asked_for: list[str] = []


def good(content: object, *, status: int = 200, keep: bool = True) -> Play:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            asked_for.append(head.decode())
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n" % (status, len(body)))
            writer.write(b"\r\n" + body)
            if not keep:
                return

    return play


async def hanging(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()  # until the other side has had enough


async def hanging_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def babbling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")


@asynccontextmanager
async def callee(play: Play) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await play(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def dead_address() -> str:
    async with callee(hanging) as url:
        return url  # nobody listens there any more


def compose(target: str, headers: Mapping[str, str] | None = None, **plays: Play | None) -> Reply:
    """The frontend's answer when its callees play like this. None: nobody listens."""

    async def story() -> Reply:
        async with AsyncExitStack() as stack:
            urls = {
                name: await dead_address()
                if play is None
                else await stack.enter_async_context(callee(play))
                for name, play in ({name: good(GOOD[name]) for name in GOOD} | plays).items()
            }
            backends = {name: Backend(url) for name, url in urls.items()}
            svc = Service("frontend", environ={"HW_REPLICA": "frontend-3"})
            frontend = Frontend(backends, replica="frontend-3")
            app = svc.asgi(Starlette(routes=frontend.routes))
            reply = await ask(app, target, headers=headers)
            for backend in backends.values():
                backend.close()
            return reply

    asked_for.clear()
    return asyncio.run(story())


def test_a_page_is_composed_of_all_its_parts() -> None:
    reply = compose("/search?q=queue")
    assert reply.status == 200
    assert "frontend-3" in reply.text
    assert "index-2" in reply.text
    assert "Sample advertisement" in reply.text
    assert "left out" not in reply.text


def test_programs_get_json() -> None:
    patient = {"x-envoy-expected-rq-timeout-ms": "10000"}
    seen = compose("/search?q=queue&format=json", {**patient, "x-request-id": "abc-1"}).json()
    assert seen["hits"] == [HIT]
    assert (seen["replica"], seen["request_id"], seen["missing"]) == ("frontend-3", "abc-1", {})
    by_accept = compose("/search?q=queue", {**patient, "accept": "application/json"}).json()
    assert by_accept["hits"] == [HIT]


def test_the_request_s_id_and_the_time_that_is_left_travel_along() -> None:
    compose("/search?q=queue", {"x-request-id": "abc-1", "x-envoy-expected-rq-timeout-ms": "120"})
    assert len(asked_for) == 3
    for head in asked_for:
        lines = dict(line.split(": ", 1) for line in head.lower().splitlines() if ": " in line)
        assert lines["x-request-id"] == "abc-1"
        longest = 110 if "/search" in head else 80
        assert 30 <= int(lines["x-envoy-upstream-rq-timeout-ms"]) <= longest


@pytest.mark.parametrize(
    ("play", "why"),
    [
        (None, "connection refused"),
        (hanging_up, "the connection was closed without an answer"),
        (babbling, "not HTTP"),
        (good({}, status=504), "too late"),
        (good({}, status=503), "not available"),
        (good({}, status=500), "answered 500"),
        (good(b"<html>"), "answered something that is not JSON"),
        (good([1]), "answered JSON of another shape"),
        (good(b"x" * (BODY_BYTES_MAX + 1)), "more than"),
    ],
)
def test_a_part_that_fails_is_left_out_and_named(play: Play | None, why: str) -> None:
    reply = compose("/search?q=queue&format=json", ads=play)
    assert reply.status == 200
    assert reply.json()["hits"] == [HIT]
    assert why in reply.json()["missing"]["ads"]


def test_a_part_that_is_late_does_not_make_the_page_late() -> None:
    reply = compose("/search?q=queue", {"x-envoy-expected-rq-timeout-ms": "100"}, ads=hanging)
    assert reply.status == 200
    assert "left out: no answer within" in reply.text


def test_without_the_index_the_page_says_so_and_is_not_a_success() -> None:
    reply = compose("/search?q=queue", index=None)
    assert reply.status == 503
    assert "No answers right now" in reply.text
    assert "Sample advertisement" in reply.text


def test_a_site_without_the_optional_services_still_answers() -> None:
    async def story() -> Reply:
        async with callee(good(GOOD["index"])) as url:
            index = Backend(url)
            frontend = Frontend({"index": index, "spell": None, "ads": None}, replica="f")
            app = Starlette(routes=frontend.routes)
            reply = await ask(app, "/search?q=queue&format=json")
            index.close()
            return reply

    assert asyncio.run(story()).json()["missing"].keys() == {"spell", "ads"}


def test_whatever_is_asked_or_answered_is_escaped() -> None:
    evil = "%3Cscript%3Ealert(1)%3C/script%3E%22%27"
    bad = {"correction": "<script>", "replica": "<script>"}
    text = compose(f"/search?q={evil}", spell=good(bad), ads=good({"ads": [bad]})).text
    assert "<script" not in text
    assert "<Queue>" not in text
    assert "<b>queue</b>" not in text


def test_words_that_were_asked_for_are_marked_in_escaped_text() -> None:
    marked = page.highlight("Two <queues> & a Queue", "queue")
    assert marked == "Two &lt;<mark>queues</mark>&gt; &amp; a <mark>Queue</mark>"


def test_the_page_allows_no_script_at_all() -> None:
    policy = compose("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_a_page_without_a_question_is_the_way_in() -> None:
    for target in ("/", "/search", "/search?q=%20"):
        reply = compose(target)
        assert "Python, searched." in reply.text
    assert asked_for == []


def test_a_passage_can_be_read_whole() -> None:
    whole = {"title": "q.Queue", "place": "q.py", "origin": "Python", "text": "A <long> text"}
    assert "A &lt;long&gt; text" in compose("/passage/7", index=good(whole)).text
    assert compose("/passage/7", index=good({"error": "no"}, status=404)).status == 404
    assert compose("/passage/7", index=None).status == 503


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"q=queue&useful=yes", "application/x-www-form-urlencoded", 200),
        (b'{"useful": "no"}', "application/json", 200),
        (b"useful=perhaps", "application/x-www-form-urlencoded", 422),
        (b"", "text/plain", 422),
        (b"{", "application/json", 422),
        (b"x" * 5000, "text/plain", 413),
    ],
)
def test_feedback_is_counted_when_it_is_feedback(body: bytes, kind: str, status: int) -> None:
    frontend = Frontend({}, replica="frontend-3")
    app = Service("frontend", environ={}).asgi(Starlette(routes=frontend.routes))
    headers = {"content-type": kind, "accept": "application/json", "x-request-id": "abc-1"}
    reply = asyncio.run(ask(app, "/feedback", method="POST", headers=headers, body=body))
    assert reply.status == status
    assert reply.headers["x-request-id"] == "abc-1"
    if status == 200:
        assert reply.json()["counted"] in ("yes", "no")


def test_connections_are_kept_and_a_stale_one_is_replaced_unseen() -> None:
    opened: list[int] = []

    def counted(play: Play) -> Play:
        async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            opened.append(1)
            await play(reader, writer)

        return counting

    async def ask_three_times(play: Play) -> list[int]:
        async with callee(counted(play)) as url:
            backend = Backend(url)
            replies = [await backend.get("/", headers={}, timeout_s=5) for _ in range(3)]
            backend.close()
            return [reply.status for reply in replies]

    assert asyncio.run(ask_three_times(good({}))) == [200, 200, 200]
    assert len(opened) == 1
    opened.clear()
    assert asyncio.run(ask_three_times(good({}, keep=False))) == [200, 200, 200]
    assert len(opened) == 3


def test_a_call_that_is_given_up_closes_its_connection() -> None:
    async def story() -> bytes:
        closed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def watching(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            closed.set_result(await reader.read())

        async with callee(watching) as url:
            with pytest.raises(CallError, match="no answer within 20 ms"):
                await Backend(url).get("/", headers={}, timeout_s=0.02)
            return await asyncio.wait_for(closed, 5)

    assert asyncio.run(story()) == b""


def test_the_missing_part_is_shown_with_its_reason() -> None:
    parts = {"index": Part({"hits": []}, "", 1.0)} | {
        name: Part({}, "too late", 80.0) for name in ("spell", "ads")
    }
    assert "<b>ads</b> left out: too late" in page.results("x", Made("f-1", "id", 90.0, parts))


def test_advertisements_fit_the_question_or_are_not_there() -> None:
    assert ads.fitting("asyncio queue")[0]["title"] == "Warp & Weft Weaving School"
    assert ads.fitting("nothing of that kind") == []
    assert len(ads.fitting("queue json http test time class")) == ads.ADS_MAX
