"""What every test run promises: a home of its own, nothing left behind, nothing skipped in silence.

- Each run has one folder, `$HEADWAY_TEST_RUN`; the home of Headway and every temporary file lie
  inside it, so a process that outlives its test can be recognised and fails the run.
- A test that this machine cannot run says so with the `not_run` fixture. The summary lists it, and
  where `CI=true` it fails the run: a test that never runs proves nothing.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

ROOT = Path(__file__).parent.parent
RUN_VARIABLE = "HEADWAY_TEST_RUN"
NOT_RUN = "NOT RUN: "
LEAVING_S_MAX = 5.0  # an ended process may need a moment to be gone
POLL_S = 0.01

# `benchmarks` is a folder of this checkout, not an installed package.
sys.path.insert(0, str(ROOT))

# Deadlines measure the machine, not the code; a shared machine makes them lie.
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=5_000, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    profile = "ci" if _in_ci() else "dev"
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", profile))
    if not _is_worker(config):
        # Short, because the path of a Unix socket may have no more than 107 bytes.
        os.environ[RUN_VARIABLE] = tempfile.mkdtemp(prefix="hwt-")
    run = Path(os.environ[RUN_VARIABLE])
    os.environ["TMPDIR"] = tempfile.tempdir = str(run)
    os.environ["HEADWAY_HOME"] = tempfile.mkdtemp(prefix="h-", dir=run)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config):
        run = os.environ.pop(RUN_VARIABLE, None)
        tempfile.tempdir = None
        if run is not None:
            shutil.rmtree(run, ignore_errors=True)


@pytest.fixture
def headway_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home for one test, with a path short enough for sockets."""
    home = Path(tempfile.mkdtemp(prefix="h-", dir=os.environ[RUN_VARIABLE]))
    monkeypatch.setenv("HEADWAY_HOME", str(home))
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def not_run() -> Callable[[str], NoReturn]:
    """`not_run("no writable cgroup here")`: this machine cannot hold the test, and it is said."""

    def say(reason: str) -> NoReturn:
        pytest.skip(NOT_RUN + reason)

    return say


@pytest.fixture
def eventually() -> Callable[[Callable[[], object], float], None]:
    """`eventually(lambda: found(), 5.0)`: wait for a condition, never for a time."""

    def wait(condition: Callable[[], object], limit_s: float) -> None:
        until = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < until, f"still not so after {limit_s} s"
            time.sleep(POLL_S)

    return wait


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_worker(session.config):
        return
    session.config.stash[LEFT] = left = _wait_until_gone()
    if left or (_in_ci() and _skipped(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    skipped = _skipped(config)
    if skipped:
        terminalreporter.section("NOT RUN", red=_in_ci(), yellow=not _in_ci())
        for line in skipped:
            terminalreporter.line(line)
        if _in_ci():
            terminalreporter.line("CI=true: what did not run was not proved, so this run failed.")
    left = config.stash.get(LEFT, [])
    if left:
        terminalreporter.section("LEFT BEHIND", red=True)
        for line in left:
            terminalreporter.line(line)
        terminalreporter.line("Processes of this run outlived it; a test must end what it starts.")


LEFT = pytest.StashKey[list[str]]()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"}


def _skipped(config: pytest.Config) -> list[str]:
    """Each skipped test with its reason, whether it used `not_run` or a bare skip."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    lines = set()
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        said = str(reason).removeprefix("Skipped: ").removeprefix(NOT_RUN)
        lines.add(f"{report.nodeid}: {said}")
    return sorted(lines)


def _wait_until_gone() -> list[str]:
    until = time.monotonic() + LEAVING_S_MAX
    while (left := _left_behind()) and time.monotonic() < until:
        time.sleep(POLL_S)
    return left


def _left_behind() -> list[str]:
    """Processes that belong to this run, other than the run itself.

    A daemon inherits `$HEADWAY_TEST_RUN`. A replica is given an environment of its own, but works
    or writes its log inside the run's folder.
    """
    run = os.environ[RUN_VARIABLE]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid() and _belongs(folder, run):
            command = _read(folder / "cmdline").replace(b"\0", b" ").decode(errors="replace")
            found.append(f"pid {folder.name}: {command[:100]}")
    return found


def _belongs(process: Path, run: str) -> bool:
    places = (process / "cwd", process / "fd" / "1")
    return run.encode() in _read(process / "environ") or any(_points_into(p, run) for p in places)


def _points_into(link: Path, run: str) -> bool:
    try:
        return link.readlink().is_relative_to(run)
    except OSError:
        return False  # gone, a kernel thread, or another user's


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
