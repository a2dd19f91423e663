"""What tools/debs promises wherever it runs; that it brings packages is shown by what uses them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "debs"
# All that the script needs besides apt.
PLAIN = ("cat", "cksum", "dirname", "find", "mkdir", "mv", "rm", "sh", "timeout", "uname", "flock")


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """A copy in a checkout of its own, with programs beside it that are no Debian's."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "bin").mkdir()
    for name in PLAIN:
        found = shutil.which(name)
        assert found is not None, name
        (tmp_path / "bin" / name).symlink_to(found)
    return Path(shutil.copy(TOOL, tmp_path / "tools"))


def run(tool: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("sh") or "sh", tool, *words],
        env={"PATH": str(tool.parents[1] / "bin")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def program(tool: Path, name: str, text: str) -> None:
    made = tool.parents[1] / "bin" / name
    made.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    made.chmod(0o755)


def pretend_apt(tool: Path) -> None:
    """An apt that notes each call and brings one package, whose program says what it was given."""
    program(
        tool,
        "apt-get",
        f'echo call >>"{tool.parents[1]}/calls"\n'
        f'case "$*" in *install*) : >"{tool.parents[1]}/.cache/debs/apt/archives/one.deb";; esac',
    )
    program(
        tool,
        "dpkg-deb",
        'mkdir -p "$3/usr/bin" "$3/usr/lib/some-linux-gnu"\n'
        'printf \'#!/bin/sh\\necho "$LD_LIBRARY_PATH" "$@"\\n\' >"$3/usr/bin/one"\n'
        '/bin/chmod 4755 "$3/usr/bin/one"',
    )
    (tool.parents[1] / "bin" / "chmod").symlink_to("/bin/chmod")


def test_a_machine_without_apt_is_told_what_to_install_by_its_own_means(tool: Path) -> None:
    done = run(tool, "nginx", "redis-server")
    assert done.returncode == 3
    assert "needs Debian or Ubuntu: apt-get is missing" in done.stderr
    assert "nginx redis-server" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("word", ["../x", "-o", "a b", "A", "$(id)", ""])
def test_what_is_no_name_of_a_package_never_reaches_apt(tool: Path, word: str) -> None:
    pretend_apt(tool)
    done = run(tool, "one", word)
    assert done.returncode == 2
    assert "not the name of a package" in done.stderr
    assert not (tool.parents[1] / "calls").exists()


def test_a_program_runs_with_its_own_libraries_and_without_its_rights(tool: Path) -> None:
    pretend_apt(tool)
    folder = run(tool, "one").stdout.strip()
    said = subprocess.check_output([Path(folder) / "one", "two words"], env={}, text=True)
    root = tool.parents[1] / ".cache" / "debs" / "root"
    assert said == f"{root}/usr/lib/some-linux-gnu two words\n"
    assert not (root / "usr/bin/one").stat().st_mode & 0o6000


def test_what_is_there_is_found_without_apt(tool: Path) -> None:
    pretend_apt(tool)
    first = run(tool, "one")
    called = (tool.parents[1] / "calls").read_text(encoding="ascii")
    again = run(tool, "one")
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, "")
    assert (tool.parents[1] / "calls").read_text(encoding="ascii") == called


def test_an_interrupted_call_is_repeated(tool: Path) -> None:
    pretend_apt(tool)
    unpacks = tool.parents[1] / "bin" / "dpkg-deb"
    whole = unpacks.read_text(encoding="utf-8")
    program(tool, "dpkg-deb", "exit 1")
    failed = run(tool, "one")
    assert failed.returncode == 1
    assert "is there room on the disk?" in failed.stderr
    program(tool, "dpkg-deb", whole.removeprefix("#!/bin/sh\n"))
    assert run(tool, "one").returncode == 0


def test_a_package_that_cannot_be_had_says_so_and_is_not_taken_for_brought(tool: Path) -> None:
    program(tool, "apt-get", "echo E: Unable to locate package one >&2; exit 100")
    program(tool, "dpkg-deb", "exit 1")
    for _ in range(2):
        failed = run(tool, "one")
        assert failed.returncode == 1
        assert "apt could not bring one" in failed.stderr
        assert "Unable to locate" in failed.stderr


def test_a_folder_that_may_not_be_written_is_named(tool: Path) -> None:
    pretend_apt(tool)
    (tool.parents[1] / ".cache").write_text("in the way", encoding="ascii")
    failed = run(tool, "one")
    assert failed.returncode == 1
    assert os.fspath(tool.parents[1] / ".cache") in failed.stderr
