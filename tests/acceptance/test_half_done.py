"""Steps that meet each other half-way: what was asked last is what comes true."""

import os
import signal
import socket
import sqlite3
import subprocess

import psutil
import pytest
from tests.acceptance.site_world import HEADWAY, Site, command_of

pytestmark = pytest.mark.acceptance


def test_a_site_brought_up_again_while_its_envoy_still_ends_gets_another_envoy(site: Site) -> None:
    site.describe(replicas=1)
    site.headway("up", "site.yaml")
    envoy = site.status()["envoy"]["pid"]
    replica = psutil.Process(site.pids().pop())
    with socket.create_connection(("127.0.0.1", site.replicas()[0]["port"])):  # drained late
        going = subprocess.Popen(
            [str(HEADWAY), "down", "--yes"],
            cwd=site.folder,
            env=os.environ | {"HEADWAY_HOME": str(site.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        site.until("draining", lambda s: "draining" in s["services"][0]["phases"])
        os.kill(envoy, signal.SIGSTOP)  # deaf to SIGTERM: it ends late
    try:
        replica.wait(timeout=30)
        site.headway("up", "site.yaml")
        assert site.get()[0] == 200
        assert site.until_settled()["envoy"]["pid"] != envoy
    finally:
        going.kill()
        going.wait()


def test_what_runs_by_a_description_that_cannot_be_read_any_more_is_shown_and_can_be_ended(
    site: Site,
) -> None:
    site.describe(replicas=2)
    site.headway("up", "site.yaml")
    pids = site.pids()
    os.kill(site.daemon_pid(), signal.SIGSTOP)
    with sqlite3.connect(site.home / "journal.db") as journal:
        journal.execute("update environment set text = 'headway: 0'")
    os.kill(site.daemon_pid(), signal.SIGKILL)
    status = site.until("back", lambda s: s["failed"])
    assert "cannot read the description" in status["trouble"][0]
    assert site.get()[0] == 200
    assert all(command_of(pid) for pid in pids)
    site.headway("up", "site.yaml")  # with a description that can be read it is looked after again
    assert site.pids() == pids
    site.headway("down", "--yes")
    assert site.processes() == []
