"""The routes under `/api/v1`, each by GET and, where Prometheus has it so, by POST with a form."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

import headway
from headway.api.prometheus import answers, explore
from headway.api.prometheus.asked import (
    Asked,
    BadDataError,
    asked,
    expression,
    now_ms,
    steps,
)
from headway.api.prometheus.guard import Guard
from headway.api.prometheus.queries import (
    Deadline,
    Queries,
    QueryTimeoutError,
    TooManyQueriesError,
    encoded,
)
from headway.model.errors import HeadwayError
from headway.monitoring.io.scrape import Scraper
from headway.monitoring.io.store import Store
from headway.monitoring.promql.errors import ParseError, QueryError, QueryLimitError
from headway.monitoring.promql.evaluate import parse
from headway.monitoring.promql.setting import LOOKBACK_MS

LOOKBACK_MS_MAX = 7 * 24 * 3_600_000
# Grafana and others decide by this what they may ask for; our own version stands beside it.
SPEAKS_LIKE = "3.0.0"
JSON = "application/json"

log = logging.getLogger("headway.monitor")

Answer = Callable[["Face", Request], Awaitable[bytes]]


class Face:
    """What the routes need: samples, who fetches them, and a place to work."""

    def __init__(self, store: Store, scraper: Scraper, queries: Queries) -> None:
        self.store = store
        self.scraper = scraper
        self.queries = queries


def create_app(face: Face) -> ASGIApp:
    routes = [
        _route(face, "/query", _query),
        _route(face, "/query_range", _query_range),
        _route(face, "/format_query", _format_query),
        _route(face, "/series", _series),
        _route(face, "/labels", _labels),
        _route(face, "/label/{name}/values", _label_values, ("GET",)),
        _route(face, "/metadata", _metadata, ("GET",)),
        _route(face, "/targets", _targets, ("GET",)),
        _route(face, "/query_exemplars", _nothing),
        _route(face, "/status/buildinfo", _buildinfo, ("GET",)),
    ]
    return Guard(Starlette(routes=[*routes, *(Route(path, _alive) for path in ALIVE)]))


ALIVE = ("/-/healthy", "/-/ready")


async def _alive(request: Request) -> Response:
    del request
    return Response("headway-monitor is there.\n", media_type="text/plain")


def _route(
    face: Face, path: str, answer: Answer, methods: Sequence[str] = ("GET", "POST")
) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return Response(await answer(face, request), media_type=JSON)
        except Exception as error:  # noqa: BLE001 - each becomes an answer
            return _refused(error)

    return Route(f"/api/v1{path}", endpoint, methods=list(methods))


def _refused(error: Exception) -> Response:
    """The kinds and states that Prometheus has for them."""
    match error:
        case BadDataError() | ParseError():
            status, kind, text = 400, "bad_data", str(error)
        case QueryTimeoutError():
            status, kind, text = 503, "timeout", str(error)
        case TooManyQueriesError():
            status, kind, text = 503, "unavailable", str(error)
        case QueryLimitError() | QueryError():
            status, kind, text = 422, "execution", str(error)
        case HeadwayError() | OSError():
            status, kind, text = 500, "internal", str(error)
        case _:
            log.error("a request failed", exc_info=error)
            status, kind, text = 500, "internal", f"a fault in headway: {type(error).__name__}"
    body = encoded(answers.failure(kind, text))
    return Response(body, status_code=status, media_type=JSON)


async def _query(face: Face, request: Request) -> bytes:
    wanted = await asked(request)
    text, at_ms = wanted.text("query"), wanted.time_ms("time", now_ms())
    async with _deadline(face, request, wanted) as deadline:
        return await face.queries.instant(text, at_ms, _lookback_ms(wanted), deadline)


async def _query_range(face: Face, request: Request) -> bytes:
    wanted = await asked(request)
    text, times = expression(wanted), steps(wanted)
    async with _deadline(face, request, wanted) as deadline:
        return await face.queries.over_time(text, times, _lookback_ms(wanted), deadline)


async def _format_query(face: Face, request: Request) -> bytes:
    del face
    return _told(parse((await asked(request)).text("query")).prettify())


async def _series(face: Face, request: Request) -> bytes:
    wanted = await asked(request)
    if not wanted.all("match[]"):
        raise BadDataError("no match[] parameter provided")
    return await _explored(face, request, wanted, explore.series)


async def _labels(face: Face, request: Request) -> bytes:
    return await _explored(face, request, await asked(request), explore.label_names)


async def _label_values(face: Face, request: Request) -> bytes:
    name = request.path_params["name"]
    if not explore.LABEL.fullmatch(name):
        raise BadDataError(f"invalid label name: {name[:80]!r}")
    values = explore.label_values(name)
    return await _explored(face, request, await asked(request), values)


async def _metadata(face: Face, request: Request) -> bytes:
    wanted = await asked(request)
    names = wanted.all("metric")
    told = face.scraper.metadata
    found = {
        name: [{"type": said.kind, "help": said.help, "unit": said.unit}]
        for name, said in sorted(told.items())
        if not names or name in names
    }
    limit = wanted.limit() or len(found)
    return _told(dict(list(found.items())[:limit]))


async def _targets(face: Face, request: Request) -> bytes:
    del request
    active = [explore.target(watch) for watch in face.scraper.watches]
    return _told({"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {}})


async def _nothing(face: Face, request: Request) -> bytes:
    """Exemplars are not kept, which clients ask for all the same."""
    del face, request
    return _told([])


async def _buildinfo(face: Face, request: Request) -> bytes:
    del face, request
    return _told(
        {
            "version": SPEAKS_LIKE,
            "revision": headway.__version__,
            "branch": "headway-monitor",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
    )


async def _explored(
    face: Face, request: Request, wanted: Asked, explored: explore.Explored
) -> bytes:
    matchers = wanted.matchers()
    start_ms = wanted.time_ms("start", explore.ALWAYS_MS[0])
    end_ms = wanted.time_ms("end", explore.ALWAYS_MS[1])
    limit = wanted.limit()

    def work() -> bytes:
        found = explored(face.store, matchers or [[]], start_ms, end_ms)
        cut = bool(limit) and len(found) > limit
        warnings = ["results truncated due to limit"] if cut else []
        return encoded(answers.success(found[:limit] if cut else found, warnings=warnings))

    async with _deadline(face, request, wanted) as deadline:
        return await face.queries.run(work, deadline)


def _told(data: Any) -> bytes:
    return encoded(answers.success(data))


def _lookback_ms(wanted: Asked) -> int:
    asked_ms = wanted.duration_ms("lookback_delta", LOOKBACK_MS)
    if not 0 < asked_ms <= LOOKBACK_MS_MAX:
        raise BadDataError('invalid parameter "lookback_delta": from 1ms to 1w')
    return asked_ms


@asynccontextmanager
async def _deadline(face: Face, request: Request, wanted: Asked) -> AsyncIterator[Deadline]:
    """Over when the time is, or as soon as whoever asked has left."""
    deadline = face.queries.deadline(wanted.duration_ms("timeout", 0) / 1000)
    watching = asyncio.create_task(_until_left(request, deadline), name="until left")
    try:
        yield deadline
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _until_left(request: Request, deadline: Deadline) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    deadline.leave()
