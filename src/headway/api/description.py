"""The OpenAPI document beyond what the routes say by themselves: who may, errors, examples."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

ABOUT = """\
Everything the command `headway` can do, for machines and for people elsewhere.

Over the Unix socket `$HEADWAY_HOME/headwayd.sock` the kernel says who asks; over TCP a token does.
Requests that change something answer at once: a wish was recorded, and the status of the
environment tells how it goes. Every error has the shape `Problem`.
"""
TAGS = [
    {"name": "machine", "description": "headwayd itself, and what its machine allows it."},
    {"name": "environments", "description": "One running copy of a site: plan, apply, look, end."},
    {"name": "services", "description": "Why they are as they are; scale, restart, log level."},
    {"name": "replicas", "description": "Single processes of a service."},
    {"name": "envoy", "description": "The proxy in front of an environment."},
    {"name": "logs", "description": "What replicas write."},
    {"name": "events", "description": "What happened, who did it and why."},
    {"name": "tokens", "description": "Who may come in over TCP, and how far."},
]
EVERYWHERE = frozenset({400, 401, 403, 421, 429, 431, 500, 503, 504})
OF_NAMES = frozenset({404})
OF_BODIES = frozenset({408, 413, 415})
OF_CHANGES = frozenset({409, 507})
OF_DESCRIPTIONS = frozenset({422})
HEADERS = {
    "401": {"WWW-Authenticate": "A Bearer challenge."},
    "429": {"Retry-After": "Seconds."},
}
NAMES = {
    "site": ("The name of the site.", "shop"),
    "name": ("The name of the environment.", "production"),
    "service": ("The name of a service.", "web"),
    "replica": ("The name of a replica.", "web-0"),
    "subject": ("The name of a service or of a replica.", "web"),
    "token": ("The name of a token.", "ci"),
}
CODE_EXAMPLES = {
    400: ("bad-request", "POST /api/v1/\u2026/scale: body.count: Field required"),
    401: ("no-token", "shown was no token"),
    403: ("denied", "token:ci is a viewer and may not scale web"),
    404: ("not-found", "no environment shop/production runs here"),
    409: ("conflict", "shop/production is going down"),
    429: ("too-often", "more than 50 requests a second"),
}


def operation_id(route: APIRoute) -> str:
    """The name of the function: clients are generated from it, so it stays."""
    return route.name


class DescribedApp(FastAPI):
    """An app whose document says all of it."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        for path, method, operation in _operations(document):
            _complete(path, method, operation)
        document["security"] = [{"token": []}]
        document["servers"] = [{"url": "/"}]
        document.setdefault("components", {})["securitySchemes"] = {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "hw_ and 49 letters and digits",
                "description": "`headway token create`; not needed at the Unix socket.",
            }
        }
        return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    expected = _errors_of(path, method, has_body="requestBody" in operation)
    responses = operation["responses"]
    for status, response in tuple(responses.items()):
        if status.startswith("2"):
            response["description"] = operation["description"].partition("\n")[0]
        elif int(status) in expected:
            _exemplify(int(status), response)
        else:
            del responses[status]
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            parameter["description"], parameter["example"] = NAMES[parameter["name"]]
            parameter["schema"].pop("examples", None)


def _errors_of(path: str, method: str, *, has_body: bool) -> frozenset[int]:
    return (
        EVERYWHERE
        | (OF_NAMES if "{" in path else frozenset())
        | (OF_BODIES if has_body else frozenset())
        | (OF_CHANGES if method != "get" else frozenset())
        | (OF_DESCRIPTIONS if path.endswith(("/plan", "/apply")) else frozenset())
    )


def _exemplify(status: int, response: dict[str, Any]) -> None:
    if status in CODE_EXAMPLES:
        code, error = CODE_EXAMPLES[status]
        example = {"code": code, "error": error, "remedy": "what to do about it"}
        response["content"]["application/json"]["example"] = example
    for header, meaning in HEADERS.get(str(status), {}).items():
        described = {"description": meaning, "schema": {"type": "string"}, "required": True}
        response.setdefault("headers", {})[header] = described
