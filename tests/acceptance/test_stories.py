"""Stories of an operator with the real daemon, keeper, Envoy and command."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.acceptance.site_world import Site

pytestmark = pytest.mark.acceptance


def test_a_described_site_runs_answers_and_going_down_leaves_nothing(site: Site) -> None:
    site.describe(replicas=2)
    assert "web 2/2" in " ".join(site.headway("up", "site.yaml").out.split())
    assert site.get()[0] == 200
    site.headway("down", "--yes")
    assert site.processes() == []
    left = [p.name for p in site.home.rglob("*") if p.is_socket() or p.suffix == ".reserve"]
    assert left == []
    with pytest.raises(ConnectionRefusedError):
        site.get()


def test_applying_the_same_file_again_does_nothing_and_a_changed_one_rolls_without_a_failure(
    site: Site,
) -> None:
    site.describe()
    site.headway("up", "site.yaml")
    pids = site.pids()
    assert "nothing to do" in site.headway("up", "site.yaml").out
    assert site.pids() == pids
    site.describe(env="{GREETING: hello}")
    plan = site.headway("plan", "site.yaml", "--exit-code", code=3)
    assert "rolling replacement of 3 replicas" in plan.out
    assert site.pids() == pids
    with site.under_load() as counted:
        site.headway("up", "site.yaml")
    assert set(counted) == {200}
    assert not site.pids() & pids


def test_a_killed_replica_is_replaced_and_why_tells_the_story(site: Site) -> None:
    site.describe()
    site.headway("up", "site.yaml")
    victim = site.replicas()[1]
    with site.under_load() as counted:
        os.kill(victim["pid"], signal.SIGKILL)
        site.until(
            "replaced",
            lambda s: s["settled"] and s["services"][0]["replicas"][1]["pid"] != victim["pid"],
        )
    assert set(counted) == {200}
    why = site.headway("why", "web").out
    assert "killed by signal 9" in why


def test_whoever_of_headway_is_killed_comes_back_and_no_replica_notices(site: Site) -> None:
    site.describe()
    site.headway("up", "site.yaml")
    pids, daemon, keeper = site.pids(), site.daemon_pid(), site.keeper_pid()
    with site.under_load() as counted:
        os.kill(daemon, signal.SIGKILL)
        site.until("back", lambda s: s["settled"] and site.daemon_pid() != daemon)
        os.kill(keeper, signal.SIGKILL)
        site.until("back", lambda s: s["settled"])
    assert set(counted) == {200}
    assert site.pids() == pids
    assert site.keeper_pid() != keeper
    envoy = site.status()["envoy"]["pid"]
    os.kill(envoy, signal.SIGKILL)
    site.until("back", lambda s: s["settled"] and s["envoy"]["pid"] not in (None, envoy))
    assert site.get()[0] == 200
    assert site.pids() == pids


def test_scaling_draining_restarting_and_a_new_envoy_fail_no_request(site: Site) -> None:
    site.describe()
    site.headway("up", "site.yaml")
    with site.under_load() as counted:
        site.headway("scale", "web", "5", "--reason", "more users")
        assert len(site.replicas()) == 5
        site.headway("scale", "web", "2")
        site.headway("drain", site.replicas()[0]["id"])
        site.headway("restart", "web")
        generation = site.status()["envoy"]["generation"]
        site.headway("envoy", "replace")
        site.until("a new Envoy", lambda s: s["envoy"]["generation"] > generation)
    assert set(counted) == {200}
    assert len(site.replicas()) == 2


def test_a_service_that_cannot_start_fails_the_command_and_says_why(site: Site) -> None:
    broken = (
        "  broken:\n    run: sh -c 'echo cannot find words.txt; exit 3'\n"
        "  absent:\n    run: /no/such/command\n"
    )
    site.describe(replicas=1, more=broken)
    up = site.headway("up", "site.yaml", code=1)
    assert "exited 3" in up.out
    assert "cannot find words.txt" in up.out
    assert "command not found: /no/such/command" in up.out
    assert site.get()[0] == 200


def test_a_replica_that_listens_to_the_world_never_serves_in_production(site: Site) -> None:
    public = (
        f"  open:\n    run: {sys.executable} -m http.server --bind 0.0.0.0 $PORT\n"
        "    health: {path: /, expect: status}\n"
    )
    site.describe(replicas=1, more=public)
    up = site.headway("up", "site.yaml", code=1)
    assert "other machines can reach" in up.out
    assert "open 1/1" not in " ".join(up.out.split())


def test_a_stale_plan_is_refused(site: Site) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    site.describe(replicas=2)
    plan = json.loads(site.headway("plan", "site.yaml", "-o", "json").out)
    site.headway("scale", "web", "3")
    refused = site.headway("up", "site.yaml", "--plan", plan["id"], code=4)
    assert "headway plan" in refused.out
    fresh = json.loads(site.headway("plan", "site.yaml", "-o", "json").out)
    site.headway("up", "site.yaml", "--plan", fresh["id"])


def test_an_invalid_description_changes_nothing_and_exits_with_2(site: Site) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    pids = site.pids()
    site.describe(replicas=1, more="    replcas: 2\n")
    wrong = site.headway("up", "site.yaml", code=2)
    assert "did you mean `replicas`?" in wrong.out
    assert site.pids() == pids


def test_a_port_in_use_is_said_before_anything_is_started(site: Site) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(site.port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as other:
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    site.get()
                    break
                except ConnectionRefusedError:
                    assert time.monotonic() < deadline
            site.describe(replicas=1)
            refused = site.headway("up", "site.yaml", code=1)
        finally:
            other.terminate()
    assert f"port {site.port} of the entry is in use" in refused.out


def test_a_planted_secret_reaches_the_process_and_nothing_that_is_written_or_said(
    site: Site,
) -> None:
    planted = "planted-7d1f8a52"
    folder = site.home / "secrets" / "small"
    folder.mkdir(parents=True)
    secret = folder / "key"
    secret.write_text(planted + "\n")
    secret.chmod(0o600)
    site.describe(replicas=1, env='{KEY: "${secret:key}"}')
    site.headway("up", "site.yaml")
    for words in (
        ["status", "--replicas"],
        ["status", "-o", "json"],
        ["why", "web"],
        ["events"],
        ["logs", "web"],
        ["plan", "site.yaml"],
        ["doctor"],
        ["check", "site.yaml"],
    ):
        site.headway(*words, code=None)
    (process,) = site.pids()
    with open(f"/proc/{process}/environ", "rb") as file:  # noqa: PTH123
        assert f"KEY={planted}".encode() in file.read().split(b"\0")
    assert not [out for out in site.outputs if planted in out]
    for path in site.home.rglob("*"):
        if path.is_file() and path != secret:
            assert planted.encode() not in path.read_bytes(), path


def test_a_secret_that_others_may_read_stops_the_command_before_anything_starts(
    site: Site,
) -> None:
    folder = site.home / "secrets" / "small"
    folder.mkdir(parents=True)
    (folder / "key").write_text("x")
    (folder / "key").chmod(0o644)
    site.describe(replicas=1, env='{KEY: "${secret:key}"}')
    refused = site.headway("up", "site.yaml", code=None)
    assert refused.code in (1, 2)
    assert "chmod 600" in refused.out


def test_a_micro_environment_of_the_same_file_runs_beside_production(site: Site) -> None:
    site.describe(top='environments:\n  micro: {"*.replicas": 1}\n')
    site.headway("up", "site.yaml")
    site.headway("up", "site.yaml", "--env", "micro")
    try:
        micro = json.loads(site.headway("status", "--env", "micro", "-o", "json").out)
        assert [len(s["replicas"]) for s in micro["services"]] == [1]
        assert micro["entry_url"] != site.status()["entry_url"]
        assert len(site.replicas()) == 3
    finally:
        site.headway("down", "--env", "micro", "--yes")
    assert site.get()[0] == 200
