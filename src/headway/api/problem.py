"""Bad news on the wire: `{code, error, remedy}` and a status, one shape for every error.

What the world or the asker did wrong is said in full; what we did wrong is logged here under a
number and only the number is told.
"""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from headway.api.control import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    StalePlanError,
)
from headway.model.errors import (
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


class DeniedError(HeadwayError):
    """Somebody asked for what they may not do."""


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
    (JournalError, 503, "journal"),
    (EngineError, 503, "engine"),
    (TrafficError, 503, "traffic"),
    (HeadwayError, 500, "failed"),
)

PROBLEM_RESPONSES: dict[int | str, dict[str, type[Problem]]] = {
    status: {"model": Problem} for status in (400, 403, 404, 409, 413, 422, 500, 503, 504, 507)
}


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
        places = "; ".join(_place(e) for e in error.errors())
        return answer(
            400,
            "bad-request",
            f"{request.method} {request.url.path}: {places}",
            remedy="GET /api/v1/openapi.json describes every request",
        )

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not-found", 413: "too-large"}.get(error.status_code, "bad-request")
        return answer(
            error.status_code,
            code,
            f"{request.method} {request.url.path}: {error.detail}",
            remedy="GET /api/v1/openapi.json lists what can be asked; "
            "a newer `headway` may be talking to an older headwayd",
            headers=error.headers,
        )


def _place(error: Mapping[str, object]) -> str:
    """Where and what, as in `body.count: Input should be a valid integer`. Never the input."""
    location = error.get("loc", ())
    assert isinstance(location, tuple)
    return f"{'.'.join(str(part) for part in location)}: {error.get('msg', 'is wrong')}"
