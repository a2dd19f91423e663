"""What `share_out` promises: examples first, then bounds that hold in any rotation."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.model.desired import DesiredService
from headway.model.host import Host
from headway.model.ids import HostName
from headway.model.observed import SeenReplica
from headway.model.rotation import FULL_WEIGHT
from headway.model.site import Balance, Spread
from headway.testing.builders import HOST, after, heard, seen, wish
from headway.traffic.balance import CROWDED_MAX, Rotation, share_out
from headway.traffic.warmth import AWAY_S_MIN, COLD, STEPS_MAX, step_of

ENVOY_WEIGHT_MAX = 2**32 - 1
LONG_AGO_S = -1000.0


def ready(number: int, *, since_s: float = LONG_AGO_S, host: Host = HOST) -> SeenReplica:
    """A replica whose first good answer came then."""
    replica = seen(f"web-{number}")
    probe = heard(ok=True, since=after(since_s), first_ok_at=after(since_s))
    return replace(replica, process=replace(replica.process, probe=probe, host=host.name))


def back(number: int, *, since_s: float, away_s: float) -> SeenReplica:
    """One that was ready for long, said no for `away_s`, and has been back since then."""
    replica = seen(f"web-{number}")
    probe = heard(ok=True, since=after(since_s), first_ok_at=after(LONG_AGO_S))
    probe = replace(probe, away_s=away_s)
    return replace(replica, process=replace(replica.process, probe=probe))


def service(
    count: int,
    *,
    slow_start_s: float = 10.0,
    weights: tuple[float, ...] = (),
    balance: Balance = Balance.LEAST_LOADED,
    spread: Spread = Spread.HOST,
) -> DesiredService:
    wanted = wish(count=count)
    described = replace(
        wanted.service, slow_start_s=slow_start_s, weights=weights, balance=balance, spread=spread
    )
    return replace(wanted, service=described)


def shared(
    wanted: DesiredService,
    rotation: Sequence[SeenReplica],
    *,
    at_s: float = 0.0,
    hosts: Sequence[Host] = (HOST,),
) -> Rotation:
    return share_out(wanted, rotation, hosts=hosts, now=after(at_s))


def weights(rotation: Rotation) -> dict[str, int]:
    return {share.replica.id: share.weight for share in rotation.shares}


def near(rotation: Rotation) -> set[str]:
    return {share.replica.id for share in rotation.shares if share.near}


OLD = [ready(number) for number in range(1, 11)]


def test_replicas_that_are_warm_share_alike_and_nothing_has_to_be_looked_at_again() -> None:
    rotation = shared(service(10), OLD)
    assert set(weights(rotation).values()) == {FULL_WEIGHT}
    assert rotation.look_again_at is None


def test_a_newcomer_begins_with_little_and_has_all_of_it_when_its_slow_start_is_over() -> None:
    rotation = [*OLD, ready(11, since_s=0)]
    seconds = [weights(shared(service(11), rotation, at_s=s))["web-11"] for s in (0, 5, 9, 10)]
    assert seconds[0] == round(COLD * FULL_WEIGHT)
    assert 50 <= seconds[1] <= 55
    assert 90 <= seconds[2] < FULL_WEIGHT
    assert seconds[3] == FULL_WEIGHT


def test_without_slow_start_a_newcomer_has_its_whole_share_at_once() -> None:
    rotation = shared(service(11, slow_start_s=0), [*OLD, ready(11, since_s=0)])
    assert set(weights(rotation).values()) == {FULL_WEIGHT}
    assert rotation.look_again_at is None


def test_when_all_are_new_all_are_equal() -> None:
    rotation = shared(service(4), [ready(n, since_s=0) for n in (1, 2, 3, 4)], at_s=1)
    assert len(set(weights(rotation).values())) == 1


def test_when_many_are_new_they_begin_with_what_the_old_ones_must_be_spared() -> None:
    old_count, new_count = 2, 8
    rotation = [
        *(ready(n) for n in range(1, old_count + 1)),
        *(ready(n, since_s=0) for n in range(3, 3 + new_count)),
    ]
    found = weights(shared(service(10), rotation))
    least = ((old_count + new_count) / CROWDED_MAX - old_count) / new_count
    assert found["web-3"] == pytest.approx(100 * least, abs=1)
    assert found["web-1"] / sum(found.values()) <= CROWDED_MAX / 10


def test_one_old_replica_beside_one_new_one_does_not_carry_it_all() -> None:
    found = weights(shared(service(2), [ready(1), ready(2, since_s=0)]))
    assert found == {"web-1": 100, "web-2": 60}


def test_the_share_moves_in_steps_that_all_newcomers_take_together() -> None:
    rotation = [*OLD, ready(11, since_s=0.03), ready(12, since_s=0.08)]
    wanted = service(12, slow_start_s=5)
    first = shared(wanted, rotation, at_s=1.01)
    assert first.look_again_at == after(1.1)
    assert weights(shared(wanted, rotation, at_s=1.09)) == weights(first)
    assert weights(shared(wanted, rotation, at_s=1.1)) != weights(first)


@pytest.mark.parametrize("slow_start_s", [0.5, 3, 10, 600])
def test_a_ramp_has_a_bounded_number_of_steps(slow_start_s: float) -> None:
    step = step_of(slow_start_s)
    assert step >= timedelta(milliseconds=100)
    assert slow_start_s / step.total_seconds() <= STEPS_MAX


def test_who_said_no_for_a_moment_has_all_of_its_share_at_once() -> None:
    rotation = [*OLD, back(11, since_s=0, away_s=AWAY_S_MIN / 2)]
    assert weights(shared(service(11), rotation))["web-11"] == FULL_WEIGHT


def test_who_was_away_for_seconds_warms_up_for_as_long_as_it_was_away() -> None:
    rotation = [*OLD, back(11, since_s=0, away_s=4)]
    assert weights(shared(service(11), rotation))["web-11"] == round(COLD * FULL_WEIGHT)
    assert weights(shared(service(11), rotation, at_s=2))["web-11"] == pytest.approx(52, abs=1)
    assert weights(shared(service(11), rotation, at_s=4))["web-11"] == FULL_WEIGHT
    brief = shared(service(11, slow_start_s=1), rotation, at_s=1)
    assert weights(brief)["web-11"] == FULL_WEIGHT, "never longer than a newcomer"


def test_a_service_that_fails_its_check_and_comes_back_as_a_whole_has_not_cooled_down() -> None:
    rotation = [ready(1), *(back(n, since_s=0, away_s=5) for n in (2, 3, 4))]
    assert set(weights(shared(service(4), rotation)).values()) == {FULL_WEIGHT}


def test_weights_count_in_the_order_of_replicas_and_the_last_for_all_later_ones() -> None:
    wanted = service(4, balance=Balance.WEIGHTED, weights=(7, 2, 1))
    rotation = shared(wanted, [ready(n) for n in (1, 2, 3, 4)])
    assert weights(rotation) == {"web-1": 700, "web-2": 200, "web-3": 100, "web-4": 100}


def test_weights_outlive_the_replacement_of_every_replica() -> None:
    wanted = service(2, balance=Balance.WEIGHTED, weights=(3, 1))
    for numbers in ((1, 2), (2, 3), (3, 4), (9, 10)):
        rotation = shared(wanted, [ready(n) for n in numbers])
        assert list(weights(rotation).values()) == [300, 100]


def test_weights_mean_nothing_unless_they_are_asked_for() -> None:
    rotation = shared(service(2, weights=(7, 1)), [ready(1), ready(2)])
    assert weights(rotation) == {"web-1": 100, "web-2": 100}


def test_without_weights_of_their_own_replicas_have_those_of_their_hosts() -> None:
    big, small = host("big", "a", 3), host("small", "a", 1.5)
    rotation = [ready(1, host=big), ready(2, host=small)]
    wanted = service(2, balance=Balance.WEIGHTED)
    assert weights(shared(wanted, rotation, hosts=[big, small])) == {"web-1": 200, "web-2": 100}


def test_a_heavy_newcomer_is_given_its_heavy_share_slowly() -> None:
    wanted = service(2, balance=Balance.WEIGHTED, weights=(1, 4))
    found = weights(shared(wanted, [ready(1), ready(2, since_s=0)]))
    # Four fifths would be fair for it; the old one takes over a quarter more than its fifth.
    assert found["web-1"] / sum(found.values()) == pytest.approx(CROWDED_MAX / 5, abs=0.01)


def host(name: str, zone: str, weight: float = 1.0) -> Host:
    return Host(HostName(name), zone, "127.0.0.1", cpu=1, memory_bytes=1 << 30, weight=weight)


EAST, WEST = host("a", "east"), host("b", "west")


def zoned(*places: Host, since_s: float = LONG_AGO_S) -> list[SeenReplica]:
    return [ready(n, host=place, since_s=since_s) for n, place in enumerate(places, 1)]


def test_the_zone_of_envoy_carries_the_traffic_while_it_can() -> None:
    wanted = service(4, spread=Spread.ZONE)
    rotation = shared(wanted, zoned(EAST, EAST, WEST, WEST), hosts=[EAST, WEST])
    assert near(rotation) == {"web-1", "web-2"}
    assert rotation.spilled == ""


def test_all_zones_serve_when_that_of_envoy_has_too_few() -> None:
    wanted = service(4, spread=Spread.ZONE)
    rotation = shared(wanted, zoned(EAST, WEST, WEST), hosts=[EAST, WEST])
    assert near(rotation) == {"web-1", "web-2", "web-3"}
    assert rotation.spilled.startswith("zone east cannot carry its traffic alone (1 of 2 in")


def test_who_is_still_warming_up_is_told_where_a_zone_falls_short() -> None:
    rotation = [ready(1, since_s=0, host=EAST), ready(2, host=EAST), ready(3, host=WEST)]
    found = shared(service(4, spread=Spread.ZONE), rotation, hosts=[EAST, WEST])
    assert "(2 of 2 in rotation there, 1 of them warming up)" in found.spilled


def test_where_nothing_is_wanted_or_serves_yet_no_zone_falls_short() -> None:
    for count in (0, 4):
        found = shared(service(count, spread=Spread.ZONE), [], hosts=[EAST, WEST])
        assert (found.shares, found.spilled) == ((), "")


def test_a_zone_may_lose_as_many_as_envoys_own_rule_allows() -> None:
    wanted = service(8, spread=Spread.ZONE)
    three_of_four = zoned(EAST, EAST, EAST, WEST, WEST, WEST, WEST)
    assert near(shared(wanted, three_of_four, hosts=[EAST, WEST])) == {"web-1", "web-2", "web-3"}
    two_of_four = zoned(EAST, EAST, WEST, WEST, WEST, WEST)
    assert len(near(shared(wanted, two_of_four, hosts=[EAST, WEST]))) == 6


def test_a_zone_is_not_left_to_a_newcomer_alone() -> None:
    wanted = service(2, spread=Spread.ZONE)
    rotation = [ready(1, since_s=0, host=EAST), ready(2, host=WEST)]
    both, last = {"web-1", "web-2"}, {"web-1"}
    assert near(shared(wanted, rotation, hosts=[EAST, WEST])) == both
    assert near(shared(wanted, rotation, at_s=6, hosts=[EAST, WEST])) == both
    assert near(shared(wanted, rotation, at_s=8, hosts=[EAST, WEST])) == last


@pytest.mark.parametrize(
    ("spread", "hosts"), [(Spread.HOST, [EAST, WEST]), (Spread.ZONE, [EAST, host("b", "east")])]
)
def test_nobody_is_far_unless_zones_were_asked_for_and_there_are_two(
    spread: Spread, hosts: list[Host]
) -> None:
    rotation = shared(service(4, spread=spread), zoned(*hosts, *hosts), hosts=hosts)
    assert len(near(rotation)) == 4


@st.composite
def rotations(draw: st.DrawFn) -> tuple[DesiredService, list[SeenReplica], list[Host]]:
    hosts = [host(f"h{n}", draw(st.sampled_from("xyz")), draw(st.floats(0.1, 50))) for n in "abc"]
    number_of = draw(st.integers(1, 14))
    ages = st.one_of(st.just(1000.0), st.floats(-5, 15))
    rotation = []
    for number in range(1, number_of + 1):
        place, age_s = draw(st.sampled_from(hosts)), draw(ages)
        replica = ready(number, since_s=-age_s, host=place)
        if draw(st.booleans()):
            probe = back(number, since_s=-age_s, away_s=draw(st.floats(0, 12))).process.probe
            replica = replace(replica, process=replace(replica.process, probe=probe))
        rotation.append(replica)
    wanted = service(
        number_of,
        slow_start_s=draw(st.one_of(st.just(0.0), st.floats(0.01, 600))),
        balance=draw(st.sampled_from(list(Balance))),
        weights=tuple(draw(st.lists(st.floats(0.01, 100), max_size=4))),
        spread=draw(st.sampled_from(list(Spread))),
    )
    return wanted, rotation, hosts


@given(rotations(), st.floats(0, 20))
def test_everybody_gets_a_weight_that_envoy_takes_and_some_are_near(
    world: tuple[DesiredService, list[SeenReplica], list[Host]], at_s: float
) -> None:
    wanted, rotation, hosts = world
    found = shared(wanted, rotation, at_s=at_s, hosts=hosts)
    assert [share.replica for share in found.shares] == rotation
    assert all(share.weight >= 1 for share in found.shares)
    assert sum(share.weight for share in found.shares) <= ENVOY_WEIGHT_MAX
    assert near(found)
    assert found.look_again_at is None or found.look_again_at > after(at_s)


@given(rotations(), st.floats(0, 20))
def test_nobody_is_crowded_whoever_is_new(
    world: tuple[DesiredService, list[SeenReplica], list[Host]], at_s: float
) -> None:
    wanted, rotation, hosts = world
    found = shared(wanted, rotation, at_s=at_s, hosts=hosts)
    warm = replace(wanted, service=replace(wanted.service, slow_start_s=0))
    fair = shared(warm, rotation, at_s=at_s, hosts=hosts)
    is_near = {share.replica.id: share.near for share in found.shares}
    for zone in (True, False):
        its = {s.replica.id: s.weight for s in found.shares if s.near is zone}
        equal = wanted.service.balance is not Balance.WEIGHTED
        even = {
            s.replica.id: 1 if equal else _described_weight(wanted, s.replica, hosts)
            for s in fair.shares
            if is_near[s.replica.id] is zone
        }
        for name, weight in its.items():
            share_of_fair = weight / sum(its.values()) * sum(even.values()) / even[name]
            # Whole numbers are exact where all are equal; else the smallest may be a percent off.
            assert share_of_fair <= CROWDED_MAX * (1 if equal else _rounding(even.values()))


def _described_weight(wanted: DesiredService, replica: SeenReplica, hosts: list[Host]) -> float:
    listed = wanted.service.weights
    if listed:
        number = int(replica.id.rpartition("-")[2])
        return listed[min(number, len(listed)) - 1]
    return next(h.weight for h in hosts if h.name == replica.process.host)


def _rounding(fair: Collection[float]) -> float:
    """The smallest weight is 100 unless the largest is over 1,000 times larger."""
    return 1 + 0.02 * max(1.0, max(fair) / min(fair) / 1000)


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.1, 60))
def test_newcomers_of_one_age_never_lose_on_their_way(
    old_count: int, new_count: int, slow_start_s: float
) -> None:
    rotation = [
        *(ready(n) for n in range(1, old_count + 1)),
        *(ready(old_count + n, since_s=0) for n in range(1, new_count + 1)),
    ]
    wanted = service(old_count + new_count, slow_start_s=slow_start_s)
    last = f"web-{old_count + new_count}"
    moments = [(1.1 * slow_start_s + 0.2) * n / 40 for n in range(41)]
    way = [weights(shared(wanted, rotation, at_s=at_s))[last] for at_s in moments]
    assert way == sorted(way)
    assert way[-1] == FULL_WEIGHT


@given(rotations(), st.randoms())
def test_the_order_of_replicas_changes_nothing(
    world: tuple[DesiredService, list[SeenReplica], list[Host]], shuffler: Random
) -> None:
    wanted, rotation, hosts = world
    shuffled = list(rotation)
    shuffler.shuffle(shuffled)
    one, other = (shared(wanted, r, at_s=3, hosts=hosts) for r in (rotation, shuffled))
    assert weights(one) == weights(other)
    assert (near(one), one.look_again_at) == (near(other), other.look_again_at)
