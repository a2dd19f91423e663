"""A site per story; brought down afterwards, also when the story fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.site_world import Site


@pytest.fixture
def site(headway_home: Path, tmp_path: Path) -> Iterator[Site]:
    made = Site(headway_home, tmp_path)
    yield made
    made.headway("down", "--yes", "--purge", code=None)
