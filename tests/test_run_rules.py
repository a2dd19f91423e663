"""What `conftest.py` promises of every run, held by runs of their own in an empty folder."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SKIPPED = 'def test_one(not_run): not_run("no such thing here")\n'
LEAVING = """
import os, subprocess, sys
from pathlib import Path

def test_one():
    with open(os.environ["HEADWAY_HOME"] + "/log", "w") as log:
        left = subprocess.Popen(["sleep", "60"], env={}, stdout=log, start_new_session=True)
    Path("left").write_text(str(left.pid))
    left.returncode = 0  # nobody is to be warned by the interpreter first
"""


def run_of(test: str, folder: Path, *, ci: bool) -> subprocess.CompletedProcess[str]:
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "test_one.py").write_text(test, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=kept | ({"CI": "true"} if ci else {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_cannot_run_here_is_listed_and_does_no_harm(tmp_path: Path) -> None:
    run = run_of(SKIPPED, tmp_path, ci=False)
    assert "test_one.py::test_one: no such thing here" in run.stdout
    assert run.returncode == 0


def test_where_everything_must_run_a_skipped_test_fails_the_run(tmp_path: Path) -> None:
    run = run_of(SKIPPED, tmp_path, ci=True)
    assert "what did not run was not proved" in run.stdout
    assert run.returncode == 1


def test_a_process_that_outlives_the_run_fails_it(tmp_path: Path) -> None:
    run = run_of(LEAVING, tmp_path, ci=False)
    left = int((tmp_path / "left").read_text(encoding="utf-8"))
    try:
        assert f"pid {left}: sleep 60" in run.stdout
        assert run.returncode == 1
    finally:
        os.kill(left, signal.SIGKILL)


def test_a_run_leaves_no_folder_behind(tmp_path: Path) -> None:
    test = "import os\ndef test_one(): open('run', 'w').write(os.environ['HEADWAY_TEST_RUN'])\n"
    assert run_of(test, tmp_path, ci=True).returncode == 0
    assert not Path((tmp_path / "run").read_text(encoding="utf-8")).exists()
