"""`headway fmt` puts a description in order, and nothing that anybody wrote gets lost."""

import re
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway.site import parse as parse_module
from headway.site.expand import expand
from headway.site.explanation import service
from headway.site.format import formatted
from headway.site.page import Unformattable
from headway.site.parse import parse

ROOT = Path(__file__).parents[3]
REFERENCE = (Path(parse_module.__file__).parent / "reference.yaml").read_text(encoding="utf-8")
GOOD = sorted((ROOT / "examples").glob("*/site.yaml"))

SLOPPY = """\
# The search site.
# yaml-language-server: $schema=schema.json

services:
    # what answers users
    frontend:   # the page
        calls:
            ads: {optional:   true,deadline: 80ms}   # can be missed
            # index is needed
            index: {}
        replicas: 2      # two are enough
        #                  for now
        run: "python -m search"

        env: {B: '2', A: 1}


    index: {replicas: 2, run: ./index}
    ads:
        run: >-
            ./ads
            --port $PORT
        # the end of ads
# where users come in
entry: {port: 8080,
        service: frontend}
site: search # a name
headway: 1
# the end
"""
TIDY = """\
# The search site.
# yaml-language-server: $schema=schema.json

headway: 1
site: search  # a name
# where users come in
entry: {service: frontend, port: 8080}
services:
  # what answers users
  frontend:   # the page
    run: "python -m search"
    replicas: 2      # two are enough
    #                  for now
    calls:
      ads: {deadline: 80ms, optional: true}    # can be missed
      # index is needed
      index: {}

    env: {B: '2', A: 1}

  index: {run: ./index, replicas: 2}
  ads:
    run: >-
      ./ads
      --port $PORT
    # the end of ads
# the end
"""


def test_keys_are_put_in_order_and_comments_go_with_them() -> None:
    assert formatted(SLOPPY) == TIDY


def test_what_is_in_order_stays_as_it_is() -> None:
    for text in (TIDY, REFERENCE):
        assert formatted(text) == text


@pytest.mark.parametrize("file", GOOD, ids=lambda f: f.parent.name)
def test_the_examples_are_laid_out_as_fmt_does_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert formatted(text) == text


def test_what_check_prints_with_every_default_is_in_the_same_order() -> None:
    site = parse(REFERENCE, file="site.yaml").site
    assert site is not None
    keys = [line.strip() for line in expand(site).splitlines() if line.strip().endswith(":")]
    tidy = [line.strip() for line in formatted(expand(site)).splitlines()]
    assert [line for line in tidy if line in keys] == keys


def test_a_line_that_is_too_long_loses_its_braces() -> None:
    words = ", ".join(f"VARIABLE_{n}: value-{n}" for n in range(8))
    found = formatted(service("run: x", f"env: {{{words}}}  # eight of them"))
    assert "    env:" in found
    assert "      VARIABLE_7: value-7\n" in found
    assert "# eight of them" in found
    assert max(map(len, found.splitlines())) <= 100


def test_comments_inside_of_brackets_keep_them_as_they_are() -> None:
    text = service("run: [", "  ./frontend,  # the program", "  $PORT", "]")
    assert formatted(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (service("run: &x a", "owner: *x"), "anchors"),
        ("%YAML 1.1\n---\n" + service("run: a"), "directives"),
        (service("? run", ": x", "? |", "  owner", ": y"), "more than one word"),
    ],
    ids=["anchor", "directive", "key"],
)
def test_what_cannot_be_put_in_order_safely_is_refused(text: str, said: str) -> None:
    with pytest.raises(Unformattable, match=said) as error:
        formatted(text)
    assert error.value.help


def test_line_ends_of_windows_stay() -> None:
    found = formatted(SLOPPY.replace("\n", "\r\n"))
    assert found == formatted(SLOPPY).replace("\n", "\r\n")


def test_a_large_description_is_put_in_order_soon() -> None:
    words = ", ".join(f"A{n}: ' # {n}'" for n in range(10_000))
    text = service("run: x", f"env: {{{words}}} # the end")
    began_s = process_time()
    once = formatted(text)
    assert process_time() - began_s < 20.0
    assert once.count("\n") > 10_000


COMMENTS = st.sampled_from(
    ["# plain", "#", "# 'quote", '# "quote', "# a: b", "#     far", "# {[&*"]
)
NAMES = st.from_regex(r"\A[a-z][a-z0-9]{0,5}\Z").filter(
    lambda n: (
        n not in {"no", "on", "off", "yes", "true", "false", "y", "n", "entry", "hosts"}
        and n not in {"owner", "secrets", "null"}
    )
)
TEXTS = st.sampled_from(
    [
        "plain",
        "'single # no comment'",
        '"double # no comment"',
        "a#b",
        '"esc \\"q\\" # x"',
        "http://x/#y",
    ]
)
DURATIONS = st.sampled_from(["5s", "1.5m", '"200ms"', "'0.5s'"])


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    """Keys and values of one service, in any order."""
    found: dict[str, Any] = {"run": draw(TEXTS | st.lists(TEXTS, min_size=1, max_size=3))}
    choices: dict[str, st.SearchStrategy[Any]] = {
        "replicas": st.sampled_from(["1", "2", "3"]),
        "drain": DURATIONS,
        "slow_start": DURATIONS,
        "owner": TEXTS,
        "health": st.fixed_dictionaries({"start": DURATIONS}, optional={"every": st.just("1s")}),
        "overload": st.fixed_dictionaries({}, optional={"rate": st.just("5/s")}),
        "env": st.dictionaries(NAMES, TEXTS, max_size=4),
        "calls": st.none(),
    }
    for key in draw(st.lists(st.sampled_from(sorted(choices)), unique=True)):
        found[key] = draw(choices[key])
    return dict(draw(st.permutations(list(found.items()))))


@st.composite
def sites(draw: st.DrawFn) -> str:
    """A description with comments and blank lines wherever YAML allows them."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    site: dict[str, Any] = {
        "headway": "1",
        "site": "search",
        "entry": {"service": names[0], "port": "8080"},
        "services": {name: draw(services()) for name in names},
        "environments": {"micro": {'"*.replicas"': "1", f'"{names[0]}.drain"': "1s"}},
    }
    lines = written(draw, dict(draw(st.permutations(list(site.items())))), 0)
    return "\n".join([*lines, *draw(FREE)]) + "\n"


FREE = st.lists(st.sampled_from(["", "  "]) | COMMENTS, max_size=2)


def written(draw: st.DrawFn, value: dict[str, Any], depth: int) -> list[str]:
    """A mapping as somebody may have written it."""
    step = " " * depth
    lines: list[str] = []
    for key, inner in value.items():
        lines += [line and step + line for line in draw(FREE)]
        beside = draw(st.just("") | COMMENTS.map(lambda c: "  " + c))
        block = isinstance(inner, dict) and inner and draw(st.integers(0, 2))
        if isinstance(inner, dict) and block:
            lines.append(f"{step}{key}:{beside}")
            lines += written(draw, inner, depth + draw(st.integers(1, 4)))
        elif isinstance(inner, list) and draw(st.booleans()):
            lines.append(f"{step}{key}:{beside}")
            lines += [f"{step} - {item}" for item in inner]
        elif isinstance(inner, dict) and draw(st.booleans()):
            inside = [
                f"{step}   {k}: {flow(v)},{draw(st.just('') | st.just('  # in'))}"
                for k, v in inner.items()
            ]
            lines += [f"{step}{key}: {{", *inside, f"{step}  }}{beside}"]
        else:
            lines.append(f"{step}{key}: {flow(inner)}{beside}".rstrip())
    return lines


def flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(value) + "]"
    return value or ""


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(sites())
def test_the_meaning_and_every_comment_survive_and_twice_is_once(text: str) -> None:
    before = parse(text, file="site.yaml")
    assert before.site is not None, before.report() + text
    once = formatted(text)
    after = parse(once, file="site.yaml")
    assert after.site == before.site
    assert [p.code for p in after.problems] == [p.code for p in before.problems]
    assert formatted(once) == once
    assert not re.search(r"[ \t]$", once, re.MULTILINE)
