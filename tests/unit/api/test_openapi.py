"""The API's description is complete: clients are made from it, and people read it."""

import json
from typing import Any, cast

from tests.unit.api.test_api import permits, routes

from headway.access.authorize import NEEDED
from headway.api.app import create_app
from headway.api.control import Control
from headway.api.permit import Permit
from headway.api.problem import MEANINGS
from headway.cli.main import run

DOCUMENT = create_app(cast("Control", None)).openapi()
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
# Programs are written against these names. Adding is free; changing one breaks somebody.
IDS = {
    "daemon", "doctor", "environments", "status", "plan", "apply", "down", "why", "scale",
    "restart", "log_level", "drain", "replace_envoy", "logs", "all_events", "events",
    "tokens", "create_token", "revoke_token",
}  # fmt: skip


def test_it_is_openapi_3_1_and_says_how_to_come_in() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert DOCUMENT["info"]["description"]
    assert DOCUMENT["security"] == [{"token": []}]
    scheme = DOCUMENT["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_operations_keep_their_names() -> None:
    ids = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert set(ids) >= IDS


def test_every_operation_says_what_it_does_and_everything_that_can_come_back() -> None:
    for where, operation in OPERATIONS:
        assert operation["summary"], where
        assert operation["description"], where
        assert operation["tags"], where
        good = [s for s in operation["responses"] if s.startswith("2")]
        assert len(good) == 1, where
        errors = set(operation["responses"]) - set(good)
        wanted = {400, 401, 403, 421, 429, 431, 500, 503, 504}
        wanted |= {404} if "{" in where else set()
        wanted |= {408, 413, 415} if "requestBody" in operation else set()
        wanted |= {409, 507} if where.startswith("POST") else set()
        assert errors >= {str(status) for status in wanted}, where
        for status in errors:
            response = operation["responses"][status]
            assert response["description"] == MEANINGS[int(status)]
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, where


def test_every_parameter_and_every_field_of_a_request_has_a_limit() -> None:
    for where, operation in OPERATIONS:
        for parameter in operation.get("parameters", []):
            assert limited(parameter["schema"]), f"{where}: {parameter['name']}"
            assert parameter["in"] == "query" or parameter["example"], where
        body = operation.get("requestBody")
        if body is not None:
            name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            request = DOCUMENT["components"]["schemas"][name]
            assert request["additionalProperties"] is False, where
            for field, schema in request["properties"].items():
                assert limited(schema), f"{where}: {field}"


def limited(schema: dict[str, Any]) -> bool:
    if "anyOf" in schema:
        return all(limited(one) for one in schema["anyOf"])
    match schema.get("type"):
        case "string":
            return bool({"maxLength", "enum", "const"} & schema.keys())
        case "integer" | "number":
            has_least = bool({"minimum", "exclusiveMinimum"} & schema.keys())
            return has_least and bool({"maximum", "exclusiveMaximum"} & schema.keys())
        case "array":
            return "maxItems" in schema and limited(schema["items"])
        case "boolean" | "null":
            return True
        case _:
            return False


def test_every_route_has_a_verb_in_the_table_of_roles() -> None:
    for route in routes():
        (verb,) = permits(route)
        assert verb in NEEDED, f"{route.path}: {Permit}"


def test_the_command_prints_it_without_a_headwayd(capsys: Any) -> None:
    assert run(["api", "openapi", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == DOCUMENT
