"""`headway fmt` as its user meets it."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import SITE

Headway = Callable[..., Any]
TURNED = "# shop\n" + "\n".join(reversed(SITE.splitlines()[:4])) + SITE.partition("8080}")[2]


def test_a_file_is_put_in_order_once(headway: Headway, folder: Path) -> None:
    file = folder / "site.yaml"
    file.write_text(TURNED)
    assert "put in order" in headway("fmt").out
    assert file.read_text() == "# shop\n" + SITE
    assert "in order already" in headway("fmt").out


def test_check_shows_what_would_change_and_changes_nothing(headway: Headway, folder: Path) -> None:
    (folder / "site.yaml").write_text(TURNED)
    said = headway("fmt", "--check")
    assert said.code == 3
    assert "-headway: 1\n" in said.out
    assert "+headway: 1\n" in said.out
    assert (folder / "site.yaml").read_text() == TURNED
    answer = json.loads(headway("fmt", "--check", "-o", "json").out)
    assert (answer["changed"], "+headway: 1" in answer["diff"]) == (True, True)


def test_a_file_with_errors_is_not_touched(headway: Headway, folder: Path) -> None:
    broken = TURNED.replace("replicas: 2", "replcas: 2")
    (folder / "site.yaml").write_text(broken)
    said = headway("fmt")
    assert said.code == 2
    assert "HW011" in said.err
    assert (folder / "site.yaml").read_text() == broken


def test_what_cannot_be_put_in_order_is_said_with_its_line(headway: Headway, folder: Path) -> None:
    anchored = SITE.replace("shop-team", "&team shop-team")
    (folder / "site.yaml").write_text(anchored)
    said = headway("fmt")
    assert said.code == 2
    assert "site.yaml:3: anchors" in said.err
    assert (folder / "site.yaml").read_text() == anchored


def test_links_are_followed_and_the_mode_stays(headway: Headway, folder: Path) -> None:
    real = folder / "real.yaml"
    real.write_text(TURNED)
    real.chmod(0o640)
    (folder / "site.yaml").unlink()
    (folder / "site.yaml").symlink_to("real.yaml")
    assert headway("fmt").code == 0
    assert (folder / "site.yaml").is_symlink()
    assert real.read_text() == "# shop\n" + SITE
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(p.name for p in folder.iterdir()) == ["real.yaml", "site.yaml"]


def test_a_full_disk_leaves_the_file_as_it_was(headway: Headway, folder: Path) -> None:
    """Stood in for by a limit on the size of files: the same failure in the middle of a write."""
    import resource
    import signal

    file = folder / "site.yaml"
    file.write_text(TURNED)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, old[1]))
    try:
        said = headway("fmt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, before)
    assert said.code == 1
    assert "cannot be written" in said.err
    assert file.read_text() == TURNED
    assert [p.name for p in folder.iterdir()] == ["site.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can give files away")
def test_the_owner_of_the_file_stays(headway: Headway, folder: Path) -> None:
    file = folder / "site.yaml"
    file.write_text(TURNED)
    os.chown(file, 12_345, 12_345)
    assert headway("fmt").code == 0
    assert (file.stat().st_uid, file.stat().st_gid) == (12_345, 12_345)
