"""docs/api.md is true: what stands there is run, as it stands there, by a shell."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from tests.acceptance.site_world import BACKEND, HEADWAY, Site, free_port

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
SITE = """\
headway: 1
site: shop
owner: testers
entry: {{service: web, port: {port}}}
services:
  web: {{run: {python} {backend} $HW_REPLICA $PORT, replicas: 1, drain: 1s}}
environments: {{test: {{}}}}
"""


@pytest.mark.acceptance
def test_every_example_of_the_guide_works_as_it_stands(
    site: Site, not_run: Callable[[str], NoReturn]
) -> None:
    if shutil.which("curl") is None:
        not_run("no curl here")
    text = SITE.format(port=site.port, python=sys.executable, backend=BACKEND)
    (site.folder / "site.yaml").write_text(text)
    port = free_port()
    settings = site.home / "headwayd.toml"
    settings.write_text(f'listen = "127.0.0.1:{port}"\n')
    site.headway("up", "--env", "test")
    environ = os.environ | {
        "HEADWAY_HOME": str(site.home),
        "HOME": str(site.folder),  # where the guide puts the token
        "PATH": f"{HEADWAY.parent}:{os.environ['PATH']}",
    }
    try:
        assert len(BLOCKS) >= 4
        for block in BLOCKS:
            ran = subprocess.run(
                ["sh", "-euc", block.replace(":8600", f":{port}")],
                cwd=site.folder,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=60,
                check=False,
            )
            assert ran.returncode == 0, f"{block}\n{ran.stdout.decode()}"
        events = site.headway("events", "--env", "test", "--kind", "scale").out
        assert "token:ci" in events
    finally:
        site.headway("down", "--env", "test", "--yes", code=None)
        settings.unlink()
