"""Whatever the text is, reading it never raises and ends soon."""

from datetime import timedelta
from pathlib import Path
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway.model.errors import SiteError
from headway.model.ids import EnvironmentName
from headway.site import limits
from headway.site import parse as parse_module
from headway.site.explanation import service
from headway.site.io.read import read
from headway.site.parse import Parsed, parse

REFERENCE = (Path(parse_module.__file__).parent / "reference.yaml").read_text(encoding="utf-8")
LINES = REFERENCE.splitlines(keepends=True)
WORDS = sorted({w for line in LINES for w in line.split()})
CPU_S_MAX = 5.0
MIB = 1024 * 1024

HEAD = "headway: 1\nsite: search\nentry: {service: a0, port: 8080}\nservices:\n"
MANY = HEAD + "".join(f"  a{n}: {{run: x}}\n" for n in range(500))

HOSTILE = {
    "open brackets": ("[" * MIB, "HW004"),
    "open braces": ("{a: " * 200_000, "HW004"),
    "deep blocks": ("".join(" " * n + "a:\n" for n in range(1_200)), "HW004"),
    "dashes": ("- " * 500_000, "HW004"),
    "one long word": ("x" * MIB, "HW007"),
    "larger than the limit": ("#" * (MIB + 1), "HW001"),
    "larger in bytes": ("é" * (MIB // 2 + 1), "HW001"),
    "many keys": ("".join(f"k{n}: 1\n" for n in range(24_000)), "HW011"),
    "too many values": ("[" + "1," * 100_000 + "]", "HW001"),
    "unknown keys": (HEAD + "  a0:\n" + "".join(f"    k{n}: 1\n" for n in range(20_000)), "HW014"),
    "alias bomb": (
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
        "HW005",
    ),
    "deep by aliases": (
        "a0: &a0 "
        + "[" * 40
        + "]" * 40
        + "\n"
        + "".join(f"a{n}: &a{n} {'[' * 40}*a{n - 1}{']' * 40}\n" for n in range(1, 30)),
        "HW004",
    ),
    "alias of itself": ("a: &a [*a]", "HW005"),
    "python tag": ("!!python/object/apply:os.system [ls]", "HW008"),
    "NUL": ("a: \0", "HW010"),
    "lone surrogate": ("a: \ud800", "HW010"),
    "terminal codes": ("a: \x1b[2J", "HW010"),
    "long number": (HEAD + "  a0: {run: x, replicas: " + "9" * 900_000 + "}", "HW022"),
    "long duration": (HEAD + "  a0: {run: x, drain: " + "9" * 900_000 + "s}", "HW020"),
    "odd numbers": (
        HEAD + "  a0:\n    run: x\n    env:\n" + f"      A: {'9_' * 4_900}x\n" * 100,
        "HW009",
    ),
    "dollars": (HEAD + "  a0: {run: x, env: {A: '" + ("$" + " " * 999) * 900 + "'}}", "HW026"),
    "many overrides": (
        MANY + "environments:\n  e:\n" + "".join(f"    '*.env.X{n}': 1\n" for n in range(5_000)),
        "HW052",
    ),
    "overrides of wholes and parts": (
        service("run: x")
        + "environments:\n  e:\n"
        + "".join(f"    'frontend.env.X{n}.a': {{b: 1}}\n" for n in range(9_000)),
        "HW050",
    ),
    "a path of many steps": (
        service("run: x") + "environments:\n  e:\n    ? '" + "a." * 300_000 + "b'\n    : 1\n",
        "HW050",
    ),
    "a large circle": (
        HEAD + "".join(f"  a{n}: {{run: x, calls: {{a{(n + 1) % 500}: }}}}\n" for n in range(500)),
        "HW042",
    ),
}


def parsed_soon(text: str) -> Parsed:
    began_s = process_time()
    parsed = parse(text, file="site.yaml")
    report = parsed.report()
    assert process_time() - began_s < CPU_S_MAX
    assert (parsed.site is None) == bool(parsed.errors)
    assert len(report) < 60_000
    assert all(c.isprintable() or c == "\n" for c in report)
    return parsed


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_soon(name: str) -> None:
    text, code = HOSTILE[name]
    assert code in {p.code for p in parsed_soon(text).problems}


def test_many_services_and_environments_are_read_soon() -> None:
    def service_line(n: int) -> str:
        calls = ", ".join(f"a{m}: " for m in range(n + 1, min(n + 6, 500)))
        return f"  a{n}: {{run: x, replicas: 3, calls: {{{calls}}}}}\n"

    calls = "".join(map(service_line, range(500)))
    sizes = "".join(f"  e{n}: {{'*.replicas': 1}}\n" for n in range(limits.ENVIRONMENTS_MAX))
    assert parsed_soon(HEAD + calls + "environments:\n" + sizes).problems == ()


@given(st.text(max_size=300))
def test_any_text_is_read_without_raising(text: str) -> None:
    parsed_soon(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_raising(content: bytes) -> None:
    parsed_soon(content.decode("utf-8", "surrogateescape"))


@st.composite
def spoiled_references(draw: st.DrawFn) -> str:
    """The reference with a few lines lost, doubled, moved, cut, indented or with words changed."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = draw(st.integers(0, len(line)))
        word = draw(st.sampled_from(WORDS) | st.text(max_size=8))
        change = draw(st.integers(0, 6))
        lines[at] = (
            "",
            line * 2,
            line[:cut] + "\n",
            "  " + line,
            line[:cut] + word + line[cut:],
            line.replace(line.split()[0] if line.split() else " ", word, 1),
            lines[draw(st.integers(0, len(lines) - 1))],
        )[change]
    return "".join(lines)


@settings(deadline=timedelta(seconds=5), suppress_health_check=[HealthCheck.too_slow])
@given(spoiled_references(), st.sampled_from(["production", "micro", "nowhere"]))
def test_a_spoiled_reference_is_read_without_raising(text: str, environment: str) -> None:
    parsed = parse(text, file="site.yaml", environment=EnvironmentName(environment))
    assert (parsed.site is None) == bool(parsed.errors)
    parsed.report()


def test_a_file_is_read_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + service("run: x").encode())
    source = read(path)
    assert source.directory == tmp_path.resolve()
    assert parse(source.text, file=source.file).problems == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: \xff\n", ":1: is not UTF-8"),
        (b"a: 1\nb: \xe9\n", ":2: is not UTF-8"),
        (b"\x7fELF\0\0", "is not a text file"),
        (b"#" * (MIB + 1), "larger than 1024 KiB"),
    ],
    ids=["latin 1", "second line", "binary", "large"],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(content)
    with pytest.raises(SiteError, match=said) as error:
        read(path)
    assert error.value.remedy


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    with path.open("wb") as file:
        file.truncate(50 * MIB)
    with pytest.raises(SiteError, match="larger than"):
        read(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.yaml", "no such file"),
        (Path("/dev/zero"), "is not a regular file"),
        (tmp_path / "a\0b", "cannot be read"),
        (tmp_path / ("x" * 5_000), "cannot be read"),
    ):
        with pytest.raises(SiteError, match=said) as error:
            read(path)
        assert error.value.remedy
