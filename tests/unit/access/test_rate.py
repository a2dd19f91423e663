"""How often somebody may ask."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headway.access.rate import REMEMBERED_MAX, Buckets, Rate

RATE = Rate(per_s=10.0, burst=40.0)


def test_a_burst_is_let_in_and_then_one_for_each_tenth_of_a_second() -> None:
    buckets = Buckets()
    waits = [buckets.take("ann", RATE, 0.0) for _ in range(41)]
    assert waits[:40] == [0.0] * 40
    assert 0.0 < waits[40] <= 0.1
    assert buckets.take("ann", RATE, 0.1) == 0.0
    assert buckets.take("ann", RATE, 0.1) > 0.0


def test_everybody_has_a_bucket_of_their_own() -> None:
    buckets = Buckets()
    while not buckets.take("ann", RATE, 0.0):
        pass
    assert buckets.take("bob", RATE, 0.0) == 0.0


def test_a_flood_of_names_is_forgotten_again() -> None:
    buckets = Buckets()
    for number in range(REMEMBERED_MAX + 100):
        buckets.take(f"asker {number}", RATE, 0.0)
    assert len(buckets._known) == REMEMBERED_MAX


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_never_more_than_the_burst_and_the_rate_whatever_the_clock_does(
    moments: list[float],
) -> None:
    buckets = Buckets()
    allowed = sum(buckets.take("ann", RATE, at_s) == 0.0 for at_s in moments)
    forward_s = sum(max(0.0, b - a) for a, b in pairwise(moments))
    assert allowed <= RATE.burst + forward_s * RATE.per_s + 1
