"""Overrides: who wins, until when, and that the answer always says why."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from headway.model.ids import ReplicaId, ServiceName
from headway.model.override import DrainReplica, Override, Rank, RestartBefore, ScaleTo
from headway.planning.resolve import going_down, in_force, next_expiry, resolve, unwanted
from headway.testing.builders import NOON, after, desired, wish

WEB = ServiceName("web")


def scale(count: int, rank: Rank = Rank.HUMAN, *, made_s: float = 0, for_s: float = 60) -> Override:
    made_at = after(made_s)
    change = ScaleTo(WEB, count)
    return Override(change, rank, "anna", "load", made_at, made_at + timedelta(seconds=for_s))


def count_of(*overrides: Override, at_s: float = 1) -> int:
    return resolve(desired(wish(count=3)), overrides, after(at_s)).services[WEB].count


def test_a_person_outranks_scaling_a_release_and_a_drill_whoever_came_last() -> None:
    weaker = [scale(9, rank, made_s=1) for rank in (Rank.SCALING, Rank.RELEASE, Rank.DRILL)]
    assert count_of(scale(5), *weaker) == 5


def test_a_rollback_outranks_a_person() -> None:
    assert count_of(scale(5, made_s=1), scale(4, Rank.ROLLBACK)) == 4


def test_of_two_wishes_of_the_same_rank_the_later_counts() -> None:
    assert count_of(scale(5), scale(6, made_s=0.5)) == 6


def test_whoever_scales_after_another_gets_what_he_would_have_got_alone() -> None:
    alone = resolve(desired(wish(count=3)), [scale(4)], after(1)).services[WEB]
    for first in (0, 1, 9):
        again = [scale(first), scale(4, made_s=0.5)]
        both = resolve(desired(wish(count=3)), again, after(1)).services[WEB]
        sizes = [(s.count, s.ready_min, s.surge_max) for s in (alone, both)]
        assert sizes[0] == sizes[1], f"scaled to {first} before"


def test_an_expired_override_counts_for_nothing() -> None:
    assert count_of(scale(5, for_s=10), at_s=10) == 3


def test_any_stronger_override_ends_a_drill() -> None:
    drill = Override(
        DrainReplica(WEB, ReplicaId("web-1"), NOON), Rank.DRILL, "drill", "", NOON, after(60)
    )
    assert in_force([drill], after(1)) == (drill,)
    assert drill not in in_force([drill, scale(5)], after(1))


def test_a_service_that_nobody_overrides_is_the_very_same_value() -> None:
    described = desired(wish("web"), wish("db"))
    resolved = resolve(described, [scale(5)], after(1))
    assert resolved.services[ServiceName("db")] is described.services[ServiceName("db")]


def test_a_difference_from_the_description_says_who_why_and_until_when() -> None:
    (because,) = resolve(desired(wish(count=3)), [scale(5)], after(1)).services[WEB].because
    assert because == "scaled to 5 by anna until 2026-03-01 12:01 UTC: load"


def test_scaling_up_by_hand_keeps_the_described_slack() -> None:
    service = resolve(desired(wish(count=3, ready_min=2)), [scale(6)], after(1)).services[WEB]
    assert (service.count, service.ready_min) == (6, 5)


def test_scaling_down_by_hand_never_needs_more_than_there_are() -> None:
    service = resolve(desired(wish(count=3, ready_min=2)), [scale(1)], after(1)).services[WEB]
    assert (service.count, service.ready_min) == (1, 1)


def test_two_restarts_are_one_with_the_later_time() -> None:
    restarts = [
        Override(RestartBefore(WEB, after(at)), Rank.HUMAN, "anna", "", after(at), after(90))
        for at in (5, 2)
    ]
    assert resolve(desired(wish()), restarts, after(6)).services[WEB].restart_before == after(5)


def test_an_override_of_a_service_that_is_gone_changes_nothing() -> None:
    described = desired(wish("db"))
    assert resolve(described, [scale(5)], after(1)) == described


def test_going_down_wants_none_of_anything_and_no_entry() -> None:
    down = going_down(desired(wish(count=3), entry="web"))
    assert (down.services[WEB].count, down.services[WEB].ready_min, down.entry) == (0, 0, None)


def test_a_service_that_left_the_description_is_wanted_zero_times() -> None:
    assert unwanted(WEB, None).count == 0
    assert unwanted(WEB, wish(count=3)).launch == wish().launch


def test_the_next_expiry_is_the_first_that_lies_ahead() -> None:
    assert next_expiry([scale(1, for_s=5), scale(2, for_s=60)], after(6)) == after(60)


@given(
    st.lists(
        st.builds(
            scale,
            st.integers(0, 9),
            st.sampled_from(Rank),
            made_s=st.floats(0, 50),
            for_s=st.floats(1, 100),
        ),
        max_size=8,
    )
)
def test_what_is_resolved_could_always_be_planned(overrides: list[Override]) -> None:
    service = resolve(desired(wish(count=3)), overrides, after(25)).services[WEB]
    assert 0 <= service.ready_min <= service.count


def test_a_restart_stamped_in_the_future_waits_for_its_time_rather_than_restart_for_ever() -> None:
    ahead = Override(RestartBefore(WEB, after(60)), Rank.HUMAN, "anna", "", NOON, after(900))
    assert resolve(desired(wish()), [ahead], after(1)).services[WEB].restart_before is None
    assert resolve(desired(wish()), [ahead], after(60)).services[WEB].restart_before == after(60)
