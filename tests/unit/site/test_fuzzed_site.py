"""Three hundred descriptions that nobody would write: each is read, soon, and truly.

A third fits the schema and is then spoilt a little, a third is bytes, a third are the tricks that
YAML knows. The limit of time is there to find what never ends, not what is slow.
"""

import json
import threading
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from headway.model.ids import EnvironmentName
from headway.site.expand import expand
from headway.site.format import formatted
from headway.site.page import Unformattable
from headway.site.parse import Parsed, parse
from headway.site.schema import schema
from headway.site.values import DURATION_PATTERN, NAME_PATTERN, RATE_PATTERN, SIZE_PATTERN

HANGS_S = 30.0
FUZZED = settings(
    max_examples=100,
    deadline=None,
    derandomize=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
SCHEMA = schema()
# Drawing from a pattern gives digits by the dozen; a person's values are in range more often.
LIKELY = {
    DURATION_PATTERN: ["5s", "150ms", "1.5m", "1h", "0s", "10d"],
    SIZE_PATTERN: ["256MB", "1.5GiB", "1B"],
    RATE_PATTERN: ["2000/s", "100/m", "0/s"],
    NAME_PATTERN: ["frontend", "index", "a-2", "no"],
    r"\S": ["frontend", "./serve $PORT", "${secret:key}", "a && b", "x"],
}


def of_schema(said: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema allows: as much of JSON Schema as ours uses."""
    if "allOf" in said:
        return of_schema(said["allOf"][0])
    if "$ref" in said:
        return st.deferred(lambda: of_schema(SCHEMA["definitions"][said["$ref"].rsplit("/")[-1]]))
    if "oneOf" in said:
        return st.one_of([of_schema(one) for one in said["oneOf"]])
    if "const" in said:
        return st.just(said["const"])
    if "enum" in said:
        return st.sampled_from(said["enum"])
    types = [said["type"]] if isinstance(said["type"], str) else said["type"]
    return st.one_of([_of_type(one, said) for one in types])


def _of_type(name: str, said: dict[str, Any]) -> st.SearchStrategy[Any]:
    low, high = said.get("minimum", 0.01), said.get("maximum", 1_000)
    match name:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(int(low), min(int(high), 1_000))
        case "number":
            return st.floats(low, high).map(lambda number: round(number, 3))
        case "string":
            pattern = said.get("pattern", r"\S")
            return st.sampled_from(LIKELY.get(pattern, ["/healthz", "x-user"]))
        case "array":
            return st.lists(of_schema(said["items"]), min_size=said.get("minItems", 0), max_size=4)
        case _:
            return _of_object(said)


def _of_object(said: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in said:
        values = said.get("additionalProperties", True)
        inner = of_schema(values) if isinstance(values, dict) else st.sampled_from([1, "1s", {}])
        return st.dictionaries(_names(said), inner, max_size=3)
    needed = set(said.get("required", ()))
    known = {key: of_schema(value) for key, value in said["properties"].items()}
    return st.fixed_dictionaries(
        {key: value for key, value in known.items() if key in needed},
        optional={key: value for key, value in known.items() if key not in needed},
    )


def _names(said: dict[str, Any]) -> st.SearchStrategy[str]:
    paths = ["*.replicas", "frontend.drain", "entry.port", "hosts", "owner", "WORDS"]
    pattern = said.get("propertyNames", {}).get("pattern")
    return st.sampled_from(LIKELY.get(pattern, ["frontend", "index", *paths]))


ODD = st.sampled_from(
    [
        *("", "~", "no", "012", "1_000", "12:30", "0x10", "9" * 5_000, "-1", ".inf", "1e9"),
        *("${secret:x}", "<<", "*a", "&a b", "!!int 1", "'", '"', "[", "{", "|", "? x", "# x"),
        *("\t", "\x85", "\ufeff", "\0", "\ud800", "\U0001f600", "x" * 11_000),
    ]
)


@st.composite
def nearly_right(draw: st.DrawFn) -> str:
    """What fits the schema; mostly with one thing in it replaced, doubled, moved or cut."""
    site: Any = draw(of_schema(SCHEMA))
    site["entry"]["service"] = draw(st.sampled_from(list(site["services"] or {}) or ["x"]))
    if draw(st.booleans()):
        text = json.dumps(site, ensure_ascii=False)
    else:
        text = yaml.safe_dump(site, sort_keys=draw(st.booleans()), allow_unicode=True)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        until = at + draw(st.integers(0, 8))
        text = text[:at] + draw(ODD | st.just("") | st.just(text[at:until] * 2)) + text[until:]
    return text


HEAD = "headway: 1\nsite: search\nentry: {service: a, port: 8080}\nservices:\n"
TRICKS = st.sampled_from(
    [
        "a: &a [x, x]\n" + "".join(f"b{n}: &a [*a, *a, *a, *a]\n" for n in range(20)),
        "[" * 10_000,
        "{" * 10_000 + "}" * 10_000,
        "- " * 20_000,
        "? " * 20_000,
        "".join(" " * n + "a:\n" for n in range(500)),
        HEAD + "  a: {run: x, replicas: " + "9" * 100_000 + "}\n",
        HEAD + "  a: {run: x, replicas: 1e999999999}\n",
        HEAD + "  a: {run: x, weight: [" + "1," * 40_000 + "]}\n",
        HEAD + "  a: {run: " + "x" * 1_000_000 + "}\n",
        HEAD + "  a: {run: '" + "x\n\n" * 200_000 + "'}\n",
        HEAD + "  a: &a {run: x}\n  b: {<<: *a}\n  c: {<<: [*a, *a]}\n",
        HEAD + "  a: {run: x, run: y}\n  a: {run: z}\n",
        HEAD + "  a: {run: !!python/object/apply:os.system [id]}\n",
        HEAD + "  a: {run: !!binary AAAA, env: !!set {x, y}}\n",
        HEAD + "  a: {run: x, hash: {? [a]: b}}\n",
        "\ufeff" + HEAD + "  a: {run: x}\n",
        (HEAD + "  a: {run: x}\n").replace("\n", "\r\n"),
        (HEAD + "  a: {run: x}\n").replace("\n", "\r"),
        (HEAD + "  a: {run: x}\n").replace("\n", "\u2028"),
        HEAD + "  a: {run: x}\n---\n" + HEAD,
        "%YAML 9.9\n---\n" + HEAD + "  a: {run: x}\n",
        "%TAG ! !!\n" * 5_000,
        HEAD + "  a:\n    run: |2\n        x\n    owner: >+\n\n\n      y\n\n",
        HEAD + "  a: {run: x}\nenvironments: {m: " + '{"' + "a." * 50_000 + 'b": 1}}\n',
        HEAD + "  a: {run: x}\nhosts: {" + ", ".join(f"h{n}: " for n in range(5_000)) + "}\n",
        HEAD + "  a: {run: x, overload: {rate: " + "9" * 50_000 + "/s}}\n",
        HEAD + "".join(f"  a{n}: {{run: x, calls: {{a{n + 1}: }}}}\n" for n in range(490)),
        "a: \x00\x01\x02",
        "\ud800\udfff",
    ]
)


@st.composite
def tricks(draw: st.DrawFn) -> str:
    """One of the tricks, or two of them in one file."""
    text = draw(TRICKS)
    if draw(st.booleans()):
        other = draw(TRICKS)
        at = draw(st.integers(0, min(len(text), 200)))
        text = text[:at] + other + text[at:]
    return text


def parsed_in_time(text: str, environment: str = "production") -> Parsed:
    """In a thread of its own: a text on which reading hangs is to fail, not to hang the tests."""
    found: list[Parsed | BaseException] = []

    def read() -> None:
        try:
            found.append(parse(text, file="x", environment=EnvironmentName(environment)))
        except BaseException as error:  # noqa: BLE001 - shown below, whatever it is
            found.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(HANGS_S)
    assert found, "still reading"
    parsed = found[0]
    assert isinstance(parsed, Parsed), repr(parsed)
    return parsed


def held(text: str) -> None:
    """What is promised of every text."""
    parsed = parsed_in_time(text)
    assert (parsed.site is None) == bool(parsed.errors)
    assert len(parsed.report()) < 60_000
    if parsed.site is None:
        return
    again = parsed_in_time(expand(parsed.site))
    assert again.site == parsed.site, again.report()
    assert reason_not_to_format(text, parsed) == ""


def reason_not_to_format(text: str, parsed: Parsed) -> str:
    """Nothing, or what `fmt` should never have to say."""
    try:
        same = parsed_in_time(formatted(text)).site == parsed.site
    except Unformattable as refused:
        return refused.reason if "report it" in refused.help else ""
    return "" if same else "another meaning"


@FUZZED
@given(nearly_right())
def test_what_nearly_fits_the_schema(text: str) -> None:
    held(text)


@FUZZED
@given(st.binary(max_size=2_000))
def test_bytes(content: bytes) -> None:
    held(content.decode("utf-8", "surrogateescape"))


@FUZZED
@given(tricks())
def test_tricks_of_yaml(text: str) -> None:
    held(text)


@FUZZED
@given(of_schema(SCHEMA))
def test_some_of_what_fits_the_schema_is_a_site(site: Any) -> None:
    """Else the first test above would only look at errors."""
    site["services"] = {"frontend": {"run": "./serve"}}
    site |= {"site": "search", "owner": "team", "entry": {"service": "frontend", "port": 1}}
    for key in ("environments", "secrets", "latency_budget"):
        site.pop(key, None)
    hosts = {f"h-{name}": host for name, host in (site.get("hosts") or {}).items()}
    for host in hosts.values():
        (host or {}).pop("zone", None)
    site["hosts"] = hosts
    text = json.dumps(site, ensure_ascii=False)
    assert parsed_in_time(text).site is not None
    held(text)
