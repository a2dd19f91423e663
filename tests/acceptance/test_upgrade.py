"""Newer code under the same pids: nobody is ended, nobody notices."""

import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest
from tests.acceptance.site_world import Site

import headway

pytestmark = pytest.mark.acceptance

PACKAGE = Path(headway.__file__).parent


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's own Headway is installed, in place of the checkout's."""
    place = tmp_path / "installed"
    install(place, "7.0.0")
    monkeypatch.setenv("PYTHONPATH", str(place))
    return place


def install(place: Path, version: str) -> None:
    """As an installer does: the files are replaced while the old code runs."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(PACKAGE, place / "headway")  # with what is compiled already
    init = place / "headway" / "__init__.py"
    init.write_text(init.read_text().replace(headway.__version__, version))


def test_headwayd_and_keeper_go_on_as_a_newer_version_under_load(
    site: Site, installed: Path
) -> None:
    site.describe(replicas=2)
    site.headway("up", "site.yaml")
    before, envoy = site.pids(), site.status()["envoy"]["pid"]
    daemon, keeper = site.daemon_pid(), site.keeper_pid()
    with site.under_load() as counted:
        for old, new in (("7.0.0", "7.1.0"), ("7.1.0", "7.2.0")):
            install(installed, new)
            said = site.headway("upgrade").out
            assert f"headwayd  {old} -> {new}, pid {daemon}" in said
            assert f"small/production keeper  pid {keeper}, headway {new}" in said
        site.until_settled()
    assert set(counted) == {200}, counted
    assert site.pids() == before
    assert site.status()["envoy"]["pid"] == envoy
    assert (site.daemon_pid(), site.keeper_pid()) == (daemon, keeper)
    os.kill(before.pop(), signal.SIGTERM)  # the keeper is still its parent, and knows how it ended
    site.until("told", lambda s: "killed by" in str(s) or "exited" in str(s) or s["settled"])
    assert "ended; its exit status is not known" not in site.headway("events").out


def test_code_that_cannot_take_over_is_refused_and_the_old_goes_on(
    site: Site, installed: Path
) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    before, daemon = site.pids(), site.daemon_pid()
    broken = installed / "headway" / "assembly.py"
    good = broken.read_text()
    for mistake, reason in (
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
        ("def as_applied(stored): raise SiteError('too new for me')\n", "too new for me"),
        ("import sys; sys.exit(4)\n", "status 4"),
    ):
        broken.write_text(good + mistake)
        said = site.headway("upgrade", code=1).out
        assert reason in said
        assert "cannot take over" in said
    assert (site.pids(), site.daemon_pid()) == (before, daemon)
    broken.write_text(good)
    assert site.until_settled()["settled"]


def test_headwayd_killed_in_the_middle_of_its_upgrade_comes_back_as_the_new_version(
    site: Site, installed: Path
) -> None:
    site.describe(replicas=2)
    site.headway("up", "site.yaml")
    before, daemon = site.pids(), psutil.Process(site.daemon_pid())
    install(installed, "7.1.0")
    slow = installed / "headway" / "journal" / "__init__.py"
    slow.write_text(slow.read_text() + "import time; time.sleep(1)\n")
    with site.under_load() as counted:
        asked = site.begin("upgrade")
        site.until_true("it is another program", lambda: "--go-on" in daemon.cmdline())
        daemon.kill()
        asked.wait(timeout=60)
        site.until("back", lambda s: s["settled"] and site.pids() == before)
        said = site.headway("upgrade").out
    assert set(counted) == {200}, counted
    assert "headwayd  7.1.0 -> 7.1.0" in said
    assert "headway 7.1.0" in said
