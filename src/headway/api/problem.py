"""Bad news on the wire: `{code, error, remedy}` and a status, one shape for every error.

What the world or the asker did wrong is said in full; what we did wrong is logged here under a
number and only the number is told.
"""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from headway.api.control import (
    BadRequestError,
    ConflictError,
    DeniedError,
    NotFoundError,
    StalePlanError,
)
from headway.model.errors import (
    BackupError,
    EngineError,
    HeadwayError,
    JournalError,
    JournalFullError,
    SecretError,
    SiteError,
    TrafficError,
)

log = logging.getLogger("headway.api")


class Problem(BaseModel):
    code: str
    error: str
    remedy: str


# The first row that fits counts, so the special ones stand before the general ones.
STATUSES: tuple[tuple[type[HeadwayError], int, str], ...] = (
    (DeniedError, 403, "denied"),
    (NotFoundError, 404, "not-found"),
    (StalePlanError, 409, "stale-plan"),
    (ConflictError, 409, "conflict"),
    (BadRequestError, 400, "bad-request"),
    (SiteError, 422, "site"),
    (SecretError, 422, "secret"),
    (JournalFullError, 507, "journal-full"),
    (BackupError, 400, "bad-request"),
    (JournalError, 503, "journal"),
    (EngineError, 503, "engine"),
    (TrafficError, 503, "traffic"),
    (HeadwayError, 500, "failed"),
)

# All that a route may answer besides its view, with what it means; `description.py` says where.
MEANINGS: Mapping[int, str] = {
    400: "Not understood, or makes no sense; `error` says where.",
    401: "No token was shown, or one that is wrong, revoked or expired.",
    403: "Known, but not allowed: the role or the scope does not reach. It is in the journal.",
    404: "Nothing of that name is there.",
    408: "The body did not come in time.",
    409: "Not now, or not any more: what it was meant for has changed.",
    413: "The body is too large.",
    415: "The body is encoded in a way that is not read.",
    421: "The Host header is none of this host's names.",
    422: "The description, or a secret that it names, cannot be used; `error` is the whole report.",
    429: "Too many requests; `Retry-After` says when to come back.",
    431: "Too many headers.",
    500: "A fault in headwayd; its log has the details under the number in `error`.",
    503: "The journal, the engine or Envoy cannot be reached, or headwayd is just ending.",
    504: "No answer in time.",
    507: "The journal's disk is full.",
}
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": meaning} for status, meaning in MEANINGS.items()
}


CODES = {404: "not-found", 405: "wrong-method", 413: "too-large"}
PLACES_MAX = 5


def answer(
    status: int,
    code: str,
    error: str,
    *,
    remedy: str,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    body = Problem(code=code, error=error, remedy=remedy).model_dump()
    return JSONResponse(body, status_code=status, headers=headers)


def answer_error(error: HeadwayError) -> JSONResponse:
    for kind, status, code in STATUSES:
        if isinstance(error, kind):
            return answer(status, code, str(error), remedy=error.remedy)
    raise AssertionError("the last row fits every HeadwayError")


def install(app: FastAPI) -> None:
    """Every error that leaves a route goes through one of these three."""

    @app.exception_handler(HeadwayError)
    async def _ours(_: Request, error: HeadwayError) -> JSONResponse:
        return answer_error(error)

    @app.exception_handler(RequestValidationError)
    async def _shape(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = error.errors()
        places = "; ".join(_place(e) for e in wrong[:PLACES_MAX])
        if len(wrong) > PLACES_MAX:
            places += f"; and {len(wrong) - PLACES_MAX} more"
        return answer(
            400,
            "bad-request",
            f"{request.method} {request.url.path}: {places}",
            remedy="GET /api/v1/openapi.json describes every request",
        )

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, error: HTTPException) -> JSONResponse:
        code = CODES.get(error.status_code, "bad-request")
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(app, request.url.path))
        return answer(
            error.status_code,
            code,
            f"{request.method} {request.url.path}: {error.detail}",
            remedy="GET /api/v1/openapi.json lists what can be asked; "
            "a newer `headway` may be talking to an older headwayd",
            headers=headers,
        )


def _methods(app: FastAPI, path: str) -> list[str]:
    """All that can be asked of this path; the router only tells of the first route that fits."""
    found = {
        method.upper()
        for template, item in app.openapi()["paths"].items()
        if compile_path(template)[0].match(path)
        for method in item
    }
    return sorted(found or {"GET"})


def _place(error: Mapping[str, object]) -> str:
    """Where and what, as in `body.count: Input should be a valid integer`. Never the input."""
    location = error.get("loc", ())
    assert isinstance(location, tuple)
    return f"{'.'.join(str(part) for part in location)}: {error.get('msg', 'is wrong')}"
