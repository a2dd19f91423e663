"""Environments of one site and of several, from several checkouts, beside each other."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.site_world import HEADWAY, Site, command_of

pytestmark = pytest.mark.acceptance

MEMORY_BYTES_MAX = 150 << 20
SMALLER = "environments:\n  test: {'*.replicas': 1, web.env: {GREETING: test}}\n"


def environments(site: Site) -> dict[str, dict[str, Any]]:
    told = json.loads(site.headway("envs", "-o", "json").out)
    return {f"{e['id']['site']}/{e['id']['name']}": e for e in told}


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_two_environments_of_one_site_share_nothing_that_one_could_take_from_the_other(
    site: Site,
) -> None:
    site.describe(replicas=1, top=SMALLER)
    try:
        site.headway("up", "site.yaml")
        site.headway("up", "site.yaml", "--env", "test")
        found = environments(site)
        assert found.keys() == {"small/production", "small/test"}
        assert all(e["settled"] for e in found.values())
        assert len({e["entry_url"] for e in found.values()}) == 2
        pids = site.pids()
        heads = ["ENVIRONMENT", "STATE", "READY", "ENTRY", "DIGEST", "APPLIED", "DIRECTORY"]
        assert site.headway("envs").out.splitlines()[0].split() == heads
        own = resident_bytes(site.daemon_pid()) + resident_bytes(site.keeper_pid())
        assert own <= MEMORY_BYTES_MAX
        plan = site.headway("plan", "site.yaml", "--env", "test").out
        assert "test differs from production in more than size" in plan
        site.headway("down", "--yes", "--env", "test")
        assert site.pids() == pids
        assert site.get()[0] == 200
    finally:
        site.headway("down", "--yes", "--purge", "--env", "test", code=None)


def test_a_second_checkout_does_not_take_over_the_environment_of_the_first_unasked(
    site: Site, tmp_path: Path
) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    pids = site.pids()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(site.folder / "site.yaml", other)

    def from_there(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(HEADWAY), *words],
            cwd=other,
            env=os.environ | {"HEADWAY_HOME": str(site.home), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    code, said = from_there("up", "site.yaml")
    assert code == 1
    assert f"small/production runs from {site.folder}" in said
    assert "--env NAME" in said
    assert "--take-over" in said
    assert site.pids() == pids
    code, said = from_there("up", "site.yaml", "--take-over")
    assert code == 0, said
    assert environments(site)["small/production"]["file"] == str(other / "site.yaml")


def test_what_an_environment_left_that_is_down_already_can_still_be_purged(site: Site) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    site.headway("down", "--yes")
    logs = site.home / "small" / "production" / "logs"
    assert list(logs.glob("web-1.log*"))
    assert "removed" in site.headway("down", "--yes", "--purge", "--site", "small").out
    assert not logs.exists()
    assert "nothing to do" in site.headway("down", "--yes", "--purge", "--site", "small").out


def test_what_runs_on_after_its_state_folder_was_removed_is_found_and_can_be_ended(
    site: Site,
) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    processes = {pid: command_of(pid) for pid in site.processes()}
    daemon, keeper = site.daemon_pid(), site.keeper_pid()
    shutil.rmtree(site.home)
    try:
        assert site.get()[0] == 200
        said = site.headway("doctor", code=1).out
        assert f"kill {daemon}" in said
        assert f"kill {keeper} ends it and all that it started" in said
        os.kill(daemon, signal.SIGTERM)
        site.until_true("headwayd left", lambda: not command_of(daemon))
        os.kill(keeper, signal.SIGTERM)
        site.until_true("all left", lambda: not any(command_of(pid) for pid in processes))
    finally:
        for pid, command in processes.items():
            if command and command_of(pid) == command:
                os.kill(pid, signal.SIGKILL)
