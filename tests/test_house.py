"""The house rules a linter does not know. When one fails, read its message: it says why."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SKIPPED = {".git", ".venv", ".cache", "__pycache__", "dist", "build"}
TEXT = {".md", ".py", ".yaml", ".toml", ".sh", ".html", ".css", ".js", ""}
ROOTS = {"daemon.py", "monitor.py", "assembly.py"}  # they build real things
LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# Folders in which code touches the world; everywhere else it decides.
FACES = {"io", "loop", "api", "console", "cli", "testing"}
# A file or function here wants its reason beside it.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def files() -> Iterator[Path]:
    """Everything that belongs to the project; caches and what is installed do not."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(p in SKIPPED or p.endswith(("_cache", ".egg-info")) for p in parts)
        if path.is_file() and not hidden and ".hypothesis" not in parts:
            yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FILES = tuple(files())
PYTHON = tuple(path for path in FILES if path.suffix == ".py")
MARKDOWN = tuple(path for path in FILES if path.suffix == ".md")
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PYTHON}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_pure_code_never_awaits() -> None:
    """A decision that needs to wait is not a decision; `async` belongs to io/ and the loop."""
    source = ROOT / "src/headway"
    found = [
        f"{name(path)}:{f.lineno} {f.name}"
        for path, tree in TREES.items()
        if path.is_relative_to(source) and path.name not in ROOTS
        if not FACES & set(path.relative_to(source).parts)
        for f in functions(tree)
        if isinstance(f, ast.AsyncFunctionDef)
    ]
    assert found == []


def test_a_file_can_be_read_in_one_go() -> None:
    """Past 400 lines a file has two subjects: cut it between them."""
    found = [
        f"{name(path)}: {count} lines"
        for path in PYTHON
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LINES_MAX
        if name(path) not in LONG_FILES
    ]
    assert found == []


def test_a_function_fits_on_a_screen() -> None:
    """Past 60 lines the story and its details are in one place: give the details names."""
    found = [
        f"{name(path)}:{f.lineno} {f.name}: {count} lines"
        for path, tree in TREES.items()
        for f in functions(tree)
        if (count := (f.end_lineno or f.lineno) - f.lineno + 1) > FUNCTION_LINES_MAX
        if f"{name(path)}:{f.name}" not in LONG_FUNCTIONS
    ]
    assert found == []


def test_every_package_says_what_it_is_for() -> None:
    """A newcomer opens `__init__.py` first: what it decides, what it never does, where to start."""
    found = []
    for folder in sorted((ROOT / "src/headway").iterdir()):
        if folder.is_dir() and any(path.parent == folder for path in PYTHON):
            said = TREES.get(folder / "__init__.py")
            if said is None or len(ast.get_docstring(said) or "") < 40:
                found.append(name(folder))
    assert found == []


def test_no_catch_all_modules() -> None:
    """A file is named after what it is about; `utils` is about nothing."""
    vague = {"utils", "util", "helpers", "helper", "base", "common", "misc", "manager"}
    assert [name(path) for path in PYTHON if path.stem in vague] == []


def test_tests_never_patch_our_own_code() -> None:
    """A patched test repeats the implementation; use the simulated twin of the port."""
    found = []
    for path, tree in TREES.items():
        if not path.is_relative_to(ROOT / "tests"):
            continue
        imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
        for node in imports:
            origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            modules = [origin + alias.name for alias in node.names]
            if any(f"{m}.".startswith(("mock.", "unittest.mock.")) for m in modules):
                found.append(f"{name(path)}:{node.lineno}")
    assert found == []


def test_tests_wait_for_conditions_never_for_a_time() -> None:
    """A sleep is too long on one machine and too short on another; sleep only between two looks."""
    found = []
    for path, tree in TREES.items():
        if path.is_relative_to(ROOT / "tests"):
            looking = {
                id(n) for w in ast.walk(tree) if isinstance(w, ast.While) for n in ast.walk(w)
            }
            sleeps = (n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and is_sleep(n))
            found += [f"{name(path)}:{n.lineno}" for n in sleeps if id(n) not in looking]
    assert found == []


def is_sleep(node: ast.Attribute) -> bool:
    owner = node.value
    return node.attr == "sleep" and isinstance(owner, ast.Name) and owner.id == "time"


def test_no_two_test_files_share_a_name() -> None:
    """Reports name a file by its stem; two of one name would be taken for each other."""
    stems = [p.stem for p in PYTHON if p.is_relative_to(ROOT / "tests") and p.stem != "conftest"]
    assert sorted({s for s in stems if stems.count(s) > 1 and s != "__init__"}) == []


LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[tuple[str, str]]:
    for match in LINK.finditer(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not match["target"].startswith(("http://", "https://", "mailto:")):
            yield match["text"], match["target"]


def headings(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def defined(tree: ast.Module) -> set[str]:
    """Names a reader can find: functions, classes, methods, and what is assigned."""
    defs = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = {node.name for node in ast.walk(tree) if isinstance(node, defs)}
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return found | {n.id for n in names if isinstance(n.ctx, ast.Store)}


@pytest.mark.parametrize("page", MARKDOWN, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file that moved sends the newcomer away; one to a function names a function."""
    found = []
    for text, target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            found.append(f"{target}: no such file")
        elif anchor and there.suffix == ".md" and anchor not in headings(there):
            found.append(f"{target}: no such heading")
        elif there.suffix == ".py" and text.startswith("`") and not text.endswith(".py`"):
            wanted = text.strip("`").removesuffix("()").split(".")
            missing = set(wanted) - defined(TREES[there])
            found += [f"{target}: defines no `{one}`" for one in sorted(missing)]
    assert found == []


# Written so that this file does not contain what it looks for.
FOREIGN = {
    r"https?://[\w.-]+(:\d+)?/[\w/.-]*simple\b": "a package index; the lock names it",
    r"\bfiles[.]pythonhosted\b": "a package host; the lock names it",
    r"(?<![\w.~$}])/(home|Users)/[a-z]\w*/": "a person's folder",
    r"(?<![\w.~$}])/(root|work|mnt|opt)/[a-z]": "one machine's folder",
}


def test_no_machine_or_registry_is_named() -> None:
    """The project runs anywhere; only the lock file says where packages come from."""
    places = {str(ROOT): "this checkout", str(Path.home()): "this home folder"}
    here = {re.escape(p) + r"\b": why for p, why in places.items() if p.count("/") > 1}
    found = []
    for path in FILES:
        if path.suffix not in TEXT or path.name == "uv.lock":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for pattern, why in (FOREIGN | here).items():
            found += [f"{name(path)}: {m[0]} ({why})" for m in re.finditer(pattern, text)]
    assert found == []
