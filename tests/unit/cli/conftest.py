from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from headway.cli.main import run
from headway.testing.control import StrawControl
from headway.testing.served import served

SITE = """\
headway: 1
site: shop
owner: shop-team
entry: {service: frontend, port: 8080}
services:
  frontend: {run: python -m shop.frontend, replicas: 2, calls: {ads: {deadline: 80ms}}}
  ads: {run: python -m shop.ads, replicas: 3}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Headway = Callable[..., Said]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user stands: beside a site.yaml, with a home of their own."""
    place = tmp_path / "work"
    place.mkdir()
    (place / "site.yaml").write_text(SITE)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.chdir(place)
    monkeypatch.setenv("HEADWAY_HOME", str(home))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("headway.cli.down.LEAVES_WITHIN_S", 0.0)  # a straw daemon never leaves
    return place


@pytest.fixture
def headway(folder: Path, capsys: pytest.CaptureFixture[str]) -> Headway:
    """Run a command as its user would."""

    def say(*arguments: str) -> Said:
        capsys.readouterr()
        code = run(arguments)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Said(code, said.out, said.err)

    return say


@pytest.fixture
def control() -> StrawControl:
    return StrawControl()


@pytest.fixture
def daemon(control: StrawControl, folder: Path, tmp_path: Path) -> Iterator[StrawControl]:
    """A headwayd of straw is running."""
    with served(control, tmp_path / "home"):
        yield control
