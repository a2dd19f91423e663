"""The API under fire: a real headwayd, every role, requests that schemathesis makes up.

Whatever is sent, nothing fails on our side, every answer is one that the API's description has, and
afterwards the journal is whole and headwayd answers. A longer run:

    HEADWAY_FUZZ_EXAMPLES=200 pytest tests/acceptance/test_api_fuzz.py --timeout 3600
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.site_world import BACKEND, Site, free_port

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = os.environ.get("HEADWAY_FUZZ_EXAMPLES")
RUN_S_MAX = 100.0 if EXAMPLES is None else 3600.0
SEED = "7"
# Sound in shape is not sound in sense: a name that does not exist, a description that is wrong.
UNFIT = "positive_data_acceptance"
# They replace headwayd itself, write files of anybody's choice, or would start a thousand real
# processes: stories of their own.
APART = "upgrade|backup|restore|scale"
SITE = """\
headway: 1
site: shop
owner: testers
entry: {{service: web, port: {port}}}
services:
  web: {{run: {python} {backend} $HW_REPLICA $PORT, replicas: 1, drain: 1s}}
"""


@pytest.fixture
def shop(site: Site) -> Iterator[Site]:
    """The names that the description of the API gives as examples are there for real."""
    text = SITE.format(port=site.port, python=sys.executable, backend=BACKEND)
    (site.folder / "site.yaml").write_text(text)
    api = f'listen = "127.0.0.1:{free_port()}"\nrequests_per_s = 100000\n'
    (site.home / "headwayd.toml").write_text(api)
    site.headway("up")
    yield site
    (site.home / "headwayd.toml").unlink()  # or headwayd stays, for whoever may come


def fire(site: Site, url: str, token: str, phases: str) -> str:
    """All that schemathesis has to say."""
    document = site.folder / "openapi.json"
    document.write_text(site.headway("api", "openapi").out)
    command = [str(SCHEMATHESIS), "run", str(document), "--url", url]
    command += ["--checks", "all", "--exclude-checks", UNFIT, "--phases", phases]
    command += ["--exclude-operation-id-regex", APART, "--suppress-health-check", "all"]
    command += ["--max-examples", EXAMPLES or "1", "--seed", SEED, "--generation-database", "none"]
    command += ["--continue-on-failure", "--request-timeout", "30", "--no-color"]
    command += ["-H", f"Authorization: Bearer {token}"] if token else []
    ran = subprocess.run(
        command,
        cwd=site.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=RUN_S_MAX,
        check=False,
    )
    said = ran.stdout.decode()
    assert ran.returncode == 0, said
    return said


@pytest.mark.acceptance
@pytest.mark.timeout(RUN_S_MAX * 5)
def test_nothing_that_can_be_sent_breaks_the_api(shop: Site) -> None:
    url = (shop.home / "headwayd.toml").read_text().partition('"')[2].partition('"')[0]
    tokens = {"": ""}
    for role in ("viewer", "operator", "admin"):
        made = shop.headway(
            "token", "create", f"t-{role}", "--role", role, "--for", "1h", "-o", "json"
        )
        tokens[role] = json.loads(made.out)["secret"]
    phases = "examples,coverage" if EXAMPLES is None else "examples,coverage,fuzzing,stateful"
    pid = shop.daemon_pid()
    for token in tokens.values():
        fire(shop, f"http://{url}", token, phases)
    assert shop.daemon_pid() == pid, "headwayd died meanwhile"
    log = (shop.home / "headwayd.log").read_text()
    assert "Traceback" not in log, log[-5000:]
    with sqlite3.connect(f"file:{shop.home}/journal.db?mode=ro", uri=True) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    journal.close()
    shop.headway("status", "--all")
