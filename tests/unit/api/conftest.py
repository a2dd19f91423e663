from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.cli.client import Client
from headway.testing.control import StrawControl
from headway.testing.served import served

SITE = """\
headway: 1
site: shop
services:
  frontend: {run: python -m shop.frontend, replicas: 2}
  ads: {run: python -m shop.ads, replicas: 3}
"""


@pytest.fixture
def control() -> StrawControl:
    return StrawControl()


@pytest.fixture
def client(control: StrawControl, tmp_path: Path) -> Iterator[Client]:
    with served(control, tmp_path):
        asker = Client(tmp_path)
        yield asker
        asker.close()


@pytest.fixture
def site_body(tmp_path: Path) -> dict[str, object]:
    return {"text": SITE, "directory": str(tmp_path), "file": "site.yaml"}
