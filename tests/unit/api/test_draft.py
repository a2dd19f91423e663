"""What a description asks for is refused before anything is recorded, where it cannot run."""

import asyncio
from pathlib import Path

import pytest

from headway.api.control import ConflictError, SiteSource
from headway.api.draft import draft
from headway.model.ids import EnvironmentId, EnvironmentName, SiteName

TEXT = """\
headway: 1
site: shop
owner: shop-team
entry: {service: web, port: 8080}
services:
  web: {run: python -m shop.web}
"""
WHERE = EnvironmentId(SiteName("shop"), EnvironmentName("production"))


def draft_in(home: Path) -> None:
    source = SiteSource(TEXT, "/", "site.yaml")
    made = draft(source, WHERE, known_ports={}, taken_blocks=set(), secrets_folder=home / "secrets")
    asyncio.run(made)


def test_a_home_too_deep_for_sockets_is_refused_before_anything_is_recorded() -> None:
    draft_in(Path("/srv") / ("a" * 40))
    with pytest.raises(ConflictError, match=r"is \d+ bytes too long for sockets") as refused:
        draft_in(Path("/srv") / ("a" * 100))
    assert "HEADWAY_HOME" in refused.value.remedy
