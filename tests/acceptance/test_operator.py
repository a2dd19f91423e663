"""What an operator reads when things are not as described, from the real thing."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.acceptance.site_world import HEADWAY, Site

Eventually = Callable[[Callable[[], object], float], None]

pytestmark = pytest.mark.acceptance


def test_a_wish_that_outranks_the_description_is_said_before_and_after_applying(site: Site) -> None:
    site.describe(replicas=1)
    up = site.headway("up", "site.yaml").out
    assert "restarted" not in up
    site.headway("scale", "web", "2", "--reason", "launch day")
    assert site.headway("why", "web").out.count("launch day") == 1
    site.describe(replicas=3)
    for verb in ("plan", "up"):
        said = site.headway(verb, "site.yaml").out
        assert "warning: web is scaled to 2 by" in said
        assert "whatever is described" in said


def test_a_service_that_fails_is_shown_with_its_evidence_and_the_next_commands(site: Site) -> None:
    site.describe(replicas=1, more="  bad:\n    run: python3 -m no_such_module\n")
    said = site.headway("up", "site.yaml", code=1).out
    assert "FAILED  bad  0/1  bad-1 failed: exited 1" in said
    assert said.count("No module named no_such_module") == 1
    assert "life" not in said
    assert "headway logs bad | headway why bad | headway down" in said
    assert site.get()[0] == 200


def test_a_home_too_deep_for_sockets_is_refused_and_can_be_gone_from(
    site: Site, tmp_path: Path, eventually: Eventually
) -> None:
    site.describe(replicas=1)
    deep = tmp_path / ("d" * 110)

    def headway(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(HEADWAY), *words],
            cwd=site.folder,
            env=os.environ | {"HEADWAY_HOME": str(deep)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

    code, said = headway("up", "site.yaml")
    assert (code, "too long for sockets" in said) == (1, True)
    assert headway("status", "--all") == (0, "nothing is running\n")
    # It would leave by itself; nobody waits for that here.
    left = int((deep / "headwayd.lock").read_text())
    os.kill(left, signal.SIGTERM)
    eventually(lambda: not Path(f"/proc/{left}").exists(), 10.0)
