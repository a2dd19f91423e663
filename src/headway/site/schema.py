"""JSON Schema (draft 7) of a description, for editors that complete and check while one types.

Made from the shapes. It says what can be said of single values; `headway check` says the rest.
"""

from typing import Any

from headway.site.secret import SECRET_PATTERN
from headway.site.shape import SiteShape
from headway.site.values import DURATION_PATTERN, NAME_PATTERN, VARIABLE_PATTERN, spell_duration

_NAMED_BY = {
    "services": NAME_PATTERN,
    "environments": NAME_PATTERN,
    "hosts": NAME_PATTERN,
    "env": VARIABLE_PATTERN,
    "secrets": f"^{SECRET_PATTERN}$",
}


def schema() -> dict[str, Any]:
    """The whole schema, as plain JSON."""
    made = SiteShape.model_json_schema(ref_template="#/definitions/{model}")
    definitions = {name: _tidied(d) for name, d in made.pop("$defs").items()}
    for definition in definitions.values():
        if "required" not in definition:
            definition["type"] = ["object", "null"]  # `index:` alone is a call, too
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_tidied(made),
        "title": "site.yaml of Headway, format 1",
        "definitions": definitions,
    }


def _tidied(shape: dict[str, Any]) -> dict[str, Any]:
    """Without what pydantic says to itself, and with defaults as a person writes them."""
    properties = {
        name: _property(name, value) for name, value in shape.get("properties", {}).items()
    }
    kept = {k: v for k, v in shape.items() if k not in {"title", "properties"}}
    return {**kept, "properties": properties}


def _property(name: str, said: dict[str, Any]) -> dict[str, Any]:
    found = {k: v for k, v in said.items() if k != "title"}
    if "anyOf" in found:  # "or nothing" is said by leaving the key out
        (one,) = (o for o in found.pop("anyOf") if o != {"type": "null"})
        found = {**one, **found}
    if found.get("default", ...) in (None, {}, []):
        del found["default"]
    if "$ref" in found:
        # Draft 7 ignores everything that stands beside a reference.
        found = {"allOf": [{"$ref": found.pop("$ref")}], "description": found["description"]}
    if found.get("pattern") == DURATION_PATTERN and "default" in found:
        found["default"] = spell_duration(found["default"])
    for mapping in (found, found.get("additionalProperties")):
        if isinstance(mapping, dict) and mapping.get("type") == "object":
            mapping["type"] = ["object", "null"]  # `calls:` with nothing below
    if name in _NAMED_BY:
        found["propertyNames"] = {"pattern": _NAMED_BY[name]}
    return found
