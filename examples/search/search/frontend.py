"""The service `frontend`: the page. It asks everybody at once and leaves out what is late.

GET  /                 the way in
GET  /search?q=…       answers, as a page or as JSON (`Accept: application/json`, `&format=json`)
GET  /passage/17       one passage whole
POST /feedback         q=…&useful=yes|no: counted, nothing is kept
"""

import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from headway_sdk import Budget, Service, request_id
from search import page
from search.answering import QUERY_CHARS_MAX, answer, question
from search.client import Backend
from search.compose import Call, Part, gather
from search.page import Made

ANSWER_DUE_S = 0.200  # promised to users; site.yaml calls it latency_budget
OPTIONAL_DUE_S = 0.080  # the page waits no longer for what it can do without
RESERVE_S = 0.010  # for putting the page together
FEEDBACK_BYTES_MAX = 4096

svc = Service("frontend")
feedback_count = Counter(
    "search_feedback", "Answers to: was this useful?", ["useful"], registry=svc.registry
)


def backends_of(environ: Mapping[str, str]) -> dict[str, Backend | None]:
    """A callee without an address is left out of every answer, and said to be."""
    addresses = {name: environ.get(f"HW_{name.upper()}_URL") for name in ("index", "spell", "ads")}
    return {name: Backend(url) if url else None for name, url in addresses.items()}


class Frontend:
    def __init__(self, backends: Mapping[str, Backend | None], *, replica: str) -> None:
        self._backends = backends
        self._replica = replica
        self.routes = [
            Route("/", self.home),
            Route("/search", self.search),
            Route("/passage/{number:int}", self.passage),
            Route("/feedback", self.feedback, methods=["POST"]),
        ]

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        for backend in self._backends.values():
            if backend is not None:
                backend.close()

    async def home(self, _: Request) -> Response:
        return self._page(page.home(self._made(time.perf_counter(), {})))

    async def search(self, request: Request) -> Response:
        began_s = time.perf_counter()
        query = question(request)
        if not query and not _wants_json(request):
            return await self.home(request)
        parts = await self._ask(
            request,
            index=f"/search?q={quote_plus(query)}",
            spell=f"/correct?q={quote_plus(query)}",
            ads=f"/for?q={quote_plus(query)}",
        )
        made = self._made(began_s, parts)
        status = 200 if parts["index"].ok else 503
        if _wants_json(request):
            return self._sent(answer(_as_json(query, made), status=status))
        return self._page(page.results(query, made), status=status)

    async def passage(self, request: Request) -> Response:
        began_s = time.perf_counter()
        number = request.path_params["number"]
        made = self._made(began_s, await self._ask(request, index=f"/passage/{number}"))
        part = made.parts["index"]
        status = 200 if part.ok else 404 if part.why == "answered 404" else 503
        if _wants_json(request):
            return self._sent(answer(part.content or {"error": part.why}, status=status))
        return self._page(page.passage(number, made), status=status)

    async def feedback(self, request: Request) -> Response:
        began_s = time.perf_counter()
        said = await _form(request)
        if said is None:
            return self._sent(answer({"error": "more than 4 kB of feedback"}, status=413))
        useful = said.get("useful", "")
        if useful not in ("yes", "no"):
            return self._sent(answer({"error": "useful must be yes or no"}, status=422))
        feedback_count.labels(useful).inc()
        if _wants_json(request):
            content = {"counted": useful, "replica": self._replica, "request_id": request_id()}
            return self._sent(answer(content))
        query = said.get("q", "")[:QUERY_CHARS_MAX]
        return self._page(page.thanks(query, self._made(began_s, {})))

    async def _ask(self, request: Request, **targets: str) -> dict[str, Part]:
        budget = Budget.of_request(request.headers, default_s=ANSWER_DUE_S).minus(RESERVE_S)
        optional = budget.at_most(OPTIONAL_DUE_S)
        calls = {
            name: Call(self._backends[name], target, budget if name == "index" else optional)
            for name, target in targets.items()
        }
        return await gather(calls, headers={"x-request-id": request_id()})

    def _made(self, began_s: float, parts: Mapping[str, Part]) -> Made:
        took_ms = (time.perf_counter() - began_s) * 1000
        return Made(self._replica, request_id(), took_ms, parts)

    def _page(self, text: str, *, status: int = 200) -> Response:
        return self._sent(HTMLResponse(text, status_code=status, headers=page.SECURITY))

    def _sent(self, response: Response) -> Response:
        response.headers["x-served-by"] = self._replica
        response.headers["vary"] = "accept"
        return response


def _as_json(query: str, made: Made) -> dict[str, Any]:
    index, spell, ads = (made.parts[name] for name in ("index", "spell", "ads"))
    return {
        "query": query,
        "total": index.content.get("total", 0),
        "hits": index.content.get("hits", []),
        "correction": spell.content.get("correction", ""),
        "ads": ads.content.get("ads", []),
        "missing": {name: part.why for name, part in made.parts.items() if not part.ok},
        "replica": made.replica,
        "request_id": made.request_id,
        "took_ms": round(made.took_ms, 2),
        "parts": {
            name: {"replica": part.replica, "ms": round(part.ms, 2)}
            for name, part in made.parts.items()
        },
    }


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    named = request.query_params.get("format") == "json"
    return named or ("application/json" in accept and "text/html" not in accept)


async def _form(request: Request) -> dict[str, str] | None:
    """Fields of a form or of a JSON object; None when there is too much of it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FEEDBACK_BYTES_MAX:
            return None
    text = body.decode("utf-8", errors="replace")
    if "json" not in request.headers.get("content-type", ""):
        return dict(parse_qsl(text))
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in said.items()} if isinstance(said, dict) else {}


frontend = Frontend(backends_of(os.environ), replica=svc.identity.replica)
app = svc.asgi(Starlette(routes=frontend.routes, lifespan=frontend.lifespan))
