"""A service as Headway wants to meet it: middleware around any ASGI application.

Promises:

  health   `/healthz` answers 200 with exactly the two bytes `OK` when this replica wants traffic,
           else 503 and the reason: while starting, while draining, and when a ready check says so.
           It costs next to nothing and never waits for the application.
  drain    from the moment the flag is up, health is negative and connections are closed after
           their answer; every request that still arrives is served.
  silence  what is served under `/metrics` and `/statusz` is for those who ask this replica at its
           own port: a request that came through a proxy never sees it, and nobody a secret.
  level    the log level is switched while it runs, when Headway says so, and back by itself.

Requests, lifespan and web sockets otherwise pass through untouched.
"""

import itertools
import os
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TextIO, TypeVar, overload

from headway_sdk import statusz, statusz_page
from headway_sdk.asgi import (
    Answer,
    App,
    Message,
    Receive,
    Scope,
    Send,
    is_direct,
    wants_json,
    with_headers,
)
from headway_sdk.checks import CHECK_EVERY_S, CHECK_TIMEOUT_S, ReadyChecks
from headway_sdk.checks import Answer as CheckAnswer
from headway_sdk.identity import Identity
from headway_sdk.json_log import JsonLog
from headway_sdk.log_level import LogLevel
from headway_sdk.masking import Mask
from headway_sdk.metrics import CONTENT_TYPE, Metrics
from headway_sdk.request import PATH_CHARS_MAX, Request, current_id, place_of, told_by
from headway_sdk.tracing import traced

RECENT_MAX = 50
ERRORS_MAX = 20
OLDEST_MAX = 20
OK = Answer(200, b"OK")

_Check = TypeVar("_Check", bound=Callable[[], CheckAnswer] | Callable[[], Awaitable[CheckAnswer]])


class Phase(StrEnum):
    STARTING = "starting"  # the application's own start has not ended
    SERVING = "serving"
    DRAINING = "draining"  # never goes back to serving


class Service:
    def __init__(
        self,
        name: str | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        log: TextIO | None = None,
        check_every_s: float = CHECK_EVERY_S,
    ) -> None:
        self.identity = Identity.read(environ, name=name)
        self.open_websockets = 0
        self.recent: deque[Request] = deque(maxlen=RECENT_MAX)
        self.errors: deque[Request] = deque(maxlen=ERRORS_MAX)
        self.answered: Counter[str] = Counter()  # by status class
        self.budget_misses = 0
        self.started_at_s = time.time()
        mask = Mask(environ)
        self.checks = ReadyChecks(mask=mask, every_s=check_every_s)
        self._phase = Phase.STARTING
        self._why_draining = ""
        self._drain_file = environ.get("HW_DRAIN_FILE", "")
        self._lifespan_seen = False
        self._configuration = mask.environment(environ)  # as it was given; no secret is kept
        self._open: dict[int, Request] = {}  # being answered, in the order in which they began
        self._log = JsonLog(replica=self.identity.replica, out=log)
        self._log_level = LogLevel(environ.get("HW_CONTROL", ""), log=self._log, mask=mask)
        self._metrics = Metrics(
            in_flight=lambda: self.in_flight, healthy=lambda: not self.why_not_healthy()
        )
        self.registry = self._metrics.registry  # for the author's own metrics
        self.traced = traced  # at hand: `@svc.traced`

    # ---- what an author uses

    def asgi(self, inner: App) -> App:
        """The same application, with everything of this module around it."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            match scope["type"]:
                case "http":
                    await self._http(inner, scope, receive, send)
                case "lifespan":
                    await self._lifespan(inner, scope, receive, send)
                case "websocket":
                    await self._websocket(inner, scope, receive, send)
                case _:
                    await inner(scope, receive, send)

        return app

    @overload
    def ready_check(self, check: _Check) -> _Check: ...
    @overload
    def ready_check(self, *, timeout_s: float) -> Callable[[_Check], _Check]: ...
    def ready_check(
        self, check: _Check | None = None, *, timeout_s: float = CHECK_TIMEOUT_S
    ) -> _Check | Callable[[_Check], _Check]:
        """Health is negative unless this function, sync or async, returns True in time.

        It may return a str: why not. A sync one runs in a thread and may block.
        """

        def add(check: _Check) -> _Check:
            self.checks.add(check, timeout_s=timeout_s)
            return check

        return add if check is None else add(check)

    def drain(self, reason: str = "told to drain") -> None:
        """Say no to new traffic from now on, for good. What is here is served to its end."""
        if self._phase is not Phase.DRAINING:
            self._phase = Phase.DRAINING
            self._why_draining = reason

    # ---- what it knows about itself

    @property
    def in_flight(self) -> int:
        return len(self._open)

    @property
    def phase(self) -> Phase:
        # Looked at whenever somebody asks, so that no signal and no thread is needed.
        if (
            self._drain_file
            and self._phase is not Phase.DRAINING
            and os.access(self._drain_file, os.F_OK)
        ):
            self.drain("the process was told to end")
        return self._phase

    def why_not_healthy(self) -> str:
        """Empty: this replica wants traffic."""
        match self.phase:
            case Phase.STARTING:
                return "starting"
            case Phase.DRAINING:
                return f"draining: {self._why_draining}"
            case Phase.SERVING:
                return self.checks.why_not()

    # ---- ASGI

    async def _http(self, inner: App, scope: Scope, receive: Receive, send: Send) -> None:
        if self._phase is Phase.STARTING and not self._lifespan_seen:
            self._serving()  # a server without lifespan: its first request says that it is up
            self._log_level.watch()
        answer = self._own_answer(scope)
        if answer is None:
            await self._application(inner, scope, receive, send)
            return
        closes = self._phase is Phase.DRAINING and scope.get("http_version") != "2"
        await answer.send(send, head=scope["method"] == "HEAD", close=closes)

    def _own_answer(self, scope: Scope) -> Answer | None:
        """None: the request is the application's."""
        path = scope["path"]
        if path not in ("/healthz", "/metrics", "/statusz"):
            return None
        if path != "/healthz" and not is_direct(scope):
            return None
        if scope["method"] not in ("GET", "HEAD"):
            return Answer(405, b"only GET and HEAD\n")
        match path:
            case "/healthz":
                if self.phase is Phase.SERVING:
                    self.checks.start()  # those that were added late too
                why_not = self.why_not_healthy()
                return Answer(503, why_not.encode()) if why_not else OK
            case "/metrics":
                return Answer(200, self._metrics.text(), CONTENT_TYPE.encode())
            case _:
                return self._statusz(as_json=wants_json(scope))

    def _statusz(self, *, as_json: bool) -> Answer:
        status = statusz.Status(
            identity=self.identity,
            phase=self.phase,
            why_not_healthy=self.why_not_healthy(),
            now_s=time.time(),
            started_at_s=self.started_at_s,
            in_flight=self.in_flight,
            oldest=self._oldest(),
            open_websockets=self.open_websockets,
            answered=dict(self.answered),
            budget_misses=self.budget_misses,
            log_level=self._log_level.word.level or self._log_level.shown,
            log_level_until=self._log_level.word.until,
            checks=statusz.seen_checks(self.checks.checks, now_s=time.monotonic()),
            recent=tuple(reversed(self.recent)),
            errors=tuple(reversed(self.errors)),
            configuration=self._configuration,
        )
        if as_json:
            return Answer(200, statusz.as_json(status), b"application/json")
        return Answer(200, statusz_page.as_html(status), b"text/html; charset=utf-8")

    def _oldest(self) -> tuple[statusz.OpenRequest, ...]:
        now_s = time.perf_counter()
        first = itertools.islice(self._open.values(), OLDEST_MAX)
        return tuple(statusz.OpenRequest(request, now_s - request.began_s) for request in first)

    async def _application(self, inner: App, scope: Scope, receive: Receive, send: Send) -> None:
        request_id, budget_s = told_by(scope["headers"])
        request = Request(
            id=request_id,
            at_s=time.time(),
            began_s=time.perf_counter(),
            method=scope["method"],
            path=scope["path"][:PATH_CHARS_MAX],
            budget_s=budget_s,
        )
        closable = scope.get("http_version") != "2"

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
                close = closable and self.phase is Phase.DRAINING
                message = with_headers(message, request_id=request.id, close=close)
            await send(message)

        current_id.set(request.id)
        self._open[id(request)] = request
        try:
            await inner(scope, receive, send_noted)
        except BaseException as error:
            request.error, request.error_at = type(error).__name__, place_of(error)
            raise
        finally:
            del self._open[id(request)]
            request.took_s = time.perf_counter() - request.began_s
            self._ended(request)

    def _ended(self, request: Request) -> None:
        request.status = request.status or 500  # what a server answers when nothing was sent
        self.answered[request.status_class] += 1
        self.recent.append(request)
        self.budget_misses += request.late
        if request.failed:
            self.errors.append(request)
        self._metrics.count(request)
        self._log.request(request)

    async def _websocket(self, inner: App, scope: Scope, receive: Receive, send: Send) -> None:
        self.open_websockets += 1
        try:
            await inner(scope, receive, send)
        finally:
            self.open_websockets -= 1

    async def _lifespan(self, inner: App, scope: Scope, receive: Receive, send: Send) -> None:
        self._lifespan_seen = True
        self._log_level.watch()
        failed = False

        async def receive_noted() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.drain("the server is ending")
                self.checks.stop()
            return message

        async def send_noted(message: Message) -> None:
            nonlocal failed
            if message["type"] == "lifespan.startup.complete":
                self._serving()
            elif message["type"] == "lifespan.startup.failed":
                failed = True
            await send(message)

        try:
            await inner(scope, receive_noted, send_noted)
        finally:
            # An application without a lifespan returns or raises at once; its server goes on.
            if not failed and self._phase is Phase.STARTING:
                self._serving()

    def _serving(self) -> None:
        if self._phase is Phase.STARTING:
            self._phase = Phase.SERVING
        self.checks.start()
