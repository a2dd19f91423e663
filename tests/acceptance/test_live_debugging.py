"""`headway log-level`: an operator looks into a live service, and it goes back by itself."""

import http.client
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.acceptance.site_world import Site

Eventually = Callable[[Callable[[], object], float], None]

pytestmark = pytest.mark.acceptance

SECRET = "planted-secret-7c1"  # noqa: S105 - that is the point
SERVICE = f"""\
headway: 1
site: small
owner: testers
entry: {{service: web, port: PORT}}
services:
  web:
    run: headway-run -- {sys.executable} -m uvicorn debug_app:app --port $PORT --no-access-log
    env: {{PYTHONPATH: {Path(__file__).parent}, KEY: "${{secret:key}}"}}
    replicas: 1
    drain: 2s
"""


def ask(port: int, path: str) -> str:
    """As somebody at the machine does, past Envoy."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def level(port: int) -> str:
    return str(json.loads(ask(port, "/statusz?format=json"))["log_level"])


def logs(site: Site) -> str:
    return site.headway("logs", "web", "--lines", "1000").out


@pytest.fixture
def port(site: Site) -> int:
    """Of the only replica of a service that runs, and holds a secret."""
    key = site.home / "secrets" / "small" / "key"
    key.parent.mkdir(parents=True, mode=0o700)
    key.touch(mode=0o600)
    key.write_text(SECRET)
    (site.folder / "site.yaml").write_text(SERVICE.replace("PORT", str(site.port), 1))
    site.headway("up", "site.yaml")
    return int(site.replicas()[0]["port"])


def test_a_live_service_is_debugged_without_a_restart_and_without_its_secrets(
    site: Site, port: int, eventually: Eventually
) -> None:
    pids = site.pids()
    assert site.get()[1] == "hello you"
    assert '"msg":"traced"' not in logs(site)
    said = site.headway("log-level", "web", "debug", "--reason", "slow answers").out
    assert "web: log level debug until" in said
    eventually(lambda: level(port) == "debug", 10.0)
    site.get()
    traced = next(line for line in logs(site).splitlines() if '"msg":"traced"' in line)
    assert "name='you', password=***" in traced
    assert "web: log level debug by" in site.headway("status").out
    assert "slow answers" in site.headway("why", "web").out

    site.headway("log-level", "web", "own")
    eventually(lambda: level(port) != "debug", 10.0)
    assert "log level" not in site.headway("status").out
    assert "its own log level again" in site.headway("events").out
    assert site.pids() == pids

    page = ask(port, "/statusz")
    assert "Configuration, without secrets" in page
    assert site.get("/statusz") == (200, "hello you")  # users see the application, nothing else
    for text in (page, logs(site), *site.outputs):
        assert SECRET not in text


def test_a_service_goes_back_by_itself_although_headway_hangs(
    site: Site, port: int, eventually: Eventually
) -> None:
    site.headway("log-level", "web", "debug", "--for", "6s")
    eventually(lambda: level(port) == "debug", 10.0)
    hung = (site.keeper_pid(), site.daemon_pid())
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: level(port) != "debug", 15.0)
        assert (site.home / "small/production/control/web.json").exists()  # nobody took it back
    finally:
        for pid in hung:
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: not (site.home / "small/production/control/web.json").exists(), 10.0)
