"""The schema lets through what is right, and stops what is wrong in shape while one types."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from headway.site import parse as parse_module
from headway.site.explanation import service
from headway.site.parse import parse
from headway.site.schema import schema
from headway.site.shaping import SHAPES

ROOT = Path(__file__).parents[3]
SITE_FOLDER = Path(parse_module.__file__).parent
REFERENCE = SITE_FOLDER / "reference.yaml"
GOOD = [REFERENCE, *sorted((ROOT / "examples").glob("*/site.yaml"))]
BAD = sorted((ROOT / "tests" / "bad_sites").glob("*.yaml"))
# Problems that lie in one value, or in the keys of one mapping: an editor can see them.
OF_SHAPE = frozenset(
    {"HW011", "HW013", "HW014", "HW015", "HW016", "HW020", "HW021", "HW022", "HW025", "HW026"}
    | {"HW024", "HW029", "HW032", "HW033", "HW035", "HW036"}
)
# And what of them a schema cannot say.
UNSAID = {
    "balance_hash_without_hash": "rests on another key",
    "environment_value_wrong": "overrides are checked where they apply",
    "environment_path_tree": "likewise",
    "merge_keys": "merged before it is looked at",
    "files_outside_of_folder": "a pattern for this would say nothing to a person",
    "health_every_too_often": "durations are texts; their bounds are not in the pattern",
    "slow_start_too_long": "likewise",
    "drain_too_long": "likewise",
    "rate_too_high": "likewise, of rates",
    "memory_too_small": "likewise, of sizes",
    "name_of_service_is_reserved": "allowed by the pattern of names",
    "name_of_service_is_hosts": "likewise",
    "variable_of_headway": "likewise, of variables",
    "variable_port": "likewise",
}
VALIDATOR = jsonschema_rs.Draft7Validator(schema())


def test_it_is_a_schema_of_draft_7_in_plain_json() -> None:
    found = schema()
    assert json.loads(json.dumps(found)) == found
    assert found["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema_rs.meta.validate(found)


def test_every_key_is_in_the_reference_and_in_the_schema() -> None:
    found = schema()
    shapes = {"SiteShape": found, **found["definitions"]}
    reference = REFERENCE.read_text(encoding="utf-8")
    for shape in SHAPES.values():
        for key in shape.model_fields:
            assert re.search(rf"\b{key}: ?", reference), f"{key} is not in the reference"
            assert shapes[shape.__name__]["properties"][key]["description"]


@pytest.mark.parametrize("file", GOOD, ids=lambda f: f"{f.parent.name}")
def test_what_is_right_fits(file: Path) -> None:
    assert misfits(file.read_text(encoding="utf-8")) == []


def of_shape() -> Iterator[Path]:
    for file in BAD:
        (problem,) = parse(file.read_text(encoding="utf-8"), file=file.name).problems
        if problem.code in OF_SHAPE and file.stem != "key_as_list":  # JSON has no such keys
            yield file


@pytest.mark.parametrize("file", list(of_shape()), ids=lambda f: f.stem)
def test_what_is_wrong_in_shape_does_not_fit(file: Path) -> None:
    found = misfits(file.read_text(encoding="utf-8"))
    assert bool(found) != (file.stem in UNSAID), UNSAID.get(file.stem, "fits, though it is wrong")


def test_what_is_short_for_defaults_fits() -> None:
    for line in ("health:", "overload: ", "calls:", "calls: {frontend: }", "env:", "resources:"):
        assert misfits(service("run: x", line)) == [], line
    assert misfits(service("run: x") + "environments: {test: }\n") == []


def misfits(text: str) -> list[str]:
    value: Any = yaml.safe_load(text)
    return [error.message for error in VALIDATOR.iter_errors(value)]
