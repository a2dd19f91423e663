"""A broken and overloaded neighbour costs the others no request."""

import asyncio

import pytest
from benchmarks.neighbours import neighbours

pytestmark = pytest.mark.acceptance

DURATION_S = 4.0


def test_two_environments_lose_no_request_beside_a_site_that_is_broken_and_overloaded() -> None:
    finding = asyncio.run(neighbours(duration_s=DURATION_S))
    assert finding.kept, finding.figures
