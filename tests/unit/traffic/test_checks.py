"""How often replicas are checked, when there are few and when there are many."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from headway.model.desired import DesiredService
from headway.model.ids import ServiceName
from headway.model.site import Health
from headway.testing.builders import wish
from headway.traffic.checks import CHECKS_PER_S_MAX, check_intervals_s


def asked(name: str, count: int, every_s: float = 0.04) -> DesiredService:
    made = wish(name, count)
    return replace(made, service=replace(made.service, health=Health(every_s=every_s)))


def intervals_s(*wishes: DesiredService) -> list[float]:
    return [*check_intervals_s({w.service.name: w for w in wishes}).values()]


def test_a_hundred_replicas_are_checked_as_described() -> None:
    assert intervals_s(asked("web", 100)) == [0.04]
    assert intervals_s(asked("web", 0)) == [0.04]
    assert intervals_s() == []


def test_more_are_checked_half_as_often_or_less() -> None:
    assert intervals_s(asked("web", 101)) == [0.08]
    assert intervals_s(asked("web", 1000)) == [0.64]


def test_who_asks_for_little_has_it_beside_a_large_service() -> None:
    small, large, slow = asked("small", 10), asked("large", 1000), asked("slow", 1000, every_s=5.0)
    assert intervals_s(small, large, slow) == [0.04, 0.64, 5.0]


def test_a_scale_within_the_bound_changes_no_interval() -> None:
    assert {intervals_s(asked("web", count))[0] for count in range(101, 200)} == {0.08}


wishes = st.lists(
    st.builds(asked, st.uuids().map(str), st.integers(0, 5000), st.sampled_from([0.01, 0.04, 1])),
    max_size=8,
)


@given(wishes)
def test_all_together_stay_within_the_bound_and_nobody_is_checked_more_than_described(
    called: list[DesiredService],
) -> None:
    every_s = check_intervals_s({ServiceName(w.service.name): w for w in called})
    rates = [max(1, w.count) / every_s[w.service.name] for w in called]
    assert sum(rates) <= CHECKS_PER_S_MAX * (1 + 1e-9)
    assert all(every_s[w.service.name] >= w.service.health.every_s for w in called)
