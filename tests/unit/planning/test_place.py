"""Where replicas are put, and from where they are taken: the spread holds through any change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from headway.model.desired import DesiredService
from headway.model.host import Host
from headway.model.ids import HostName
from headway.model.observed import ALIVE, Phase, SeenReplica
from headway.model.plan import Drain, Forget, Plan, Start, Stop
from headway.model.site import Balance, Spread
from headway.planning.replicas import plan_service
from headway.testing.builders import NEW, NOON, OLD, after, seen, wish

TURNS_MAX = 120


def host(name: str, zone: str = "", weight: float = 1.0) -> Host:
    return Host(HostName(name), zone or name, "127.0.0.1", cpu=1, memory_bytes=1, weight=weight)


EAST, EAST_TOO, WEST = host("a", "east"), host("b", "east"), host("c", "west")


def spread_over(
    spread: Spread,
    count: int,
    *,
    balance: Balance = Balance.LEAST_LOADED,
    ready_min: int = 0,
    surge_max: int = 1,
) -> DesiredService:
    wanted = wish(count=count, ready_min=ready_min, surge_max=surge_max)
    return replace(wanted, service=replace(wanted.service, spread=spread, balance=balance))


def at(number: int, place: Host, phase: Phase = Phase.READY, *, old: bool = False) -> SeenReplica:
    replica = seen(f"web-{number}", phase, release=OLD if old else NEW)
    return replace(replica, process=replace(replica.process, host=place.name))


def plan(wanted: DesiredService, replicas: Sequence[SeenReplica], hosts: Sequence[Host]) -> Plan:
    return plan_service(wanted, replicas, routed=frozenset(), hosts=hosts, now=after(100))


def started_on(chosen: Plan) -> list[str]:
    return [a.host for a in chosen.actions if isinstance(a, Start)]


def drained(chosen: Plan) -> list[str]:
    return [a.replica for a in chosen.actions if isinstance(a, Drain)]


def settle(
    wanted: DesiredService, replicas: Sequence[SeenReplica], hosts: Sequence[Host]
) -> list[list[SeenReplica]]:
    """A perfect engine and a world that keeps up: every state on the way until nothing is left."""
    states = [list(replicas)]
    for _ in range(TURNS_MAX):
        chosen = plan(wanted, states[-1], hosts)
        if not chosen.actions and all(r.phase is Phase.READY for r in states[-1]):
            return states
        states.append([_pass_time(r) for r in _obey(states[-1], chosen)])
    raise AssertionError(f"not settled: {states[-1]}")


def _obey(replicas: Sequence[SeenReplica], chosen: Plan) -> list[SeenReplica]:
    known = {r.id: r for r in replicas}
    for action in chosen.actions:
        match action:
            case Start(replica=name, release=release, host=where):
                life = seen(name, Phase.STARTING, release=release)
                known[name] = replace(life, process=replace(life.process, host=where))
            case Drain(replica=name):
                leaving = replace(known[name].process, draining_since=NOON, connections=0)
                known[name] = SeenReplica(leaving, Phase.DRAINING, "")
            case Stop(replica=name) | Forget(replica=name):
                known.pop(name)  # at once: what leaves counts for nobody any more
    return list(known.values())


def _pass_time(replica: SeenReplica) -> SeenReplica:
    is_new = replica.phase is Phase.STARTING
    return replace(replica, phase=Phase.READY) if is_new else replica


def by_zone(replicas: Sequence[SeenReplica], hosts: Sequence[Host]) -> Counter[str]:
    zones = {h.name: h.zone for h in hosts}
    counts = Counter(dict.fromkeys(zones.values(), 0))
    counts.update(zones[r.process.host] for r in replicas if r.phase in ALIVE)
    return counts


def unevenness(counts: Counter[str]) -> int:
    return max(counts.values()) - min(counts.values())


def test_replicas_lie_over_hosts_by_their_weights() -> None:
    heavy, light = host("heavy", weight=2), host("light")
    assert Counter(started_on(plan(spread_over(Spread.HOST, 6), [], [heavy, light]))) == {
        "heavy": 4,
        "light": 2,
    }


def test_under_weighted_balancing_the_weight_counts_for_traffic_and_not_for_places() -> None:
    wanted = spread_over(Spread.HOST, 6, balance=Balance.WEIGHTED)
    hosts = [host("heavy", weight=2), host("light")]
    assert Counter(started_on(plan(wanted, [], hosts))) == {"heavy": 3, "light": 3}


def test_zones_are_evened_out_before_hosts() -> None:
    hosts = [EAST, EAST_TOO, WEST]
    assert Counter(started_on(plan(spread_over(Spread.ZONE, 6), [], hosts))) == {
        "a": 2,
        "b": 1,
        "c": 3,
    }
    assert Counter(started_on(plan(spread_over(Spread.HOST, 6), [], hosts))) == {
        "a": 2,
        "b": 2,
        "c": 2,
    }


def test_a_failed_replica_starts_again_where_it_is_missing() -> None:
    failed = at(1, EAST, Phase.FAILED)
    chosen = plan(spread_over(Spread.ZONE, 3), [failed, at(2, WEST), at(3, EAST)], [EAST, WEST])
    assert started_on(chosen) == ["a"], "it is tied, and the first by name"
    chosen = plan(spread_over(Spread.ZONE, 3), [failed, at(2, EAST), at(3, EAST)], [EAST, WEST])
    assert started_on(chosen) == ["c"]


def test_scaling_down_takes_from_the_fullest_zone() -> None:
    replicas = [at(1, EAST), at(2, EAST), at(3, EAST), at(4, WEST), at(5, WEST)]
    assert drained(plan(spread_over(Spread.ZONE, 4), replicas, [EAST, WEST])) == ["web-3"]
    assert drained(plan(spread_over(Spread.ZONE, 2), replicas, [EAST, WEST])) == [
        "web-3",
        "web-5",
        "web-2",
    ]


def test_scaling_down_within_a_zone_takes_what_serves_nobody() -> None:
    replicas = [at(1, EAST), at(2, EAST, Phase.STARTING), at(3, EAST), at(4, WEST), at(5, WEST)]
    assert drained(plan(spread_over(Spread.ZONE, 4), replicas, [EAST, WEST])) == ["web-2"]


def test_without_zones_what_serves_is_worth_more_than_an_even_spread() -> None:
    replicas = [at(1, EAST), at(2, EAST), at(3, WEST, Phase.STARTING)]
    assert drained(plan(spread_over(Spread.HOST, 2), replicas, [EAST, WEST])) == ["web-3"]


def test_replicas_of_a_host_that_left_are_moved_one_by_one_and_the_reason_is_told() -> None:
    wanted = spread_over(Spread.HOST, 4, ready_min=3)
    replicas = [at(1, EAST), at(2, WEST), at(3, EAST), at(4, WEST)]
    first = plan(wanted, replicas, [EAST])
    (drain,) = [a for a in first.actions if isinstance(a, Drain)]
    assert (drain.replica, drain.reason) == ("web-2", "host c is not described any more")
    states = settle(wanted, replicas, [EAST])
    assert {r.process.host for r in states[-1]} == {"a"}
    assert min(sum(r.phase is Phase.READY for r in state) for state in states) >= 3


def test_when_every_host_left_nothing_goes_before_a_successor_is_ready() -> None:
    wanted = spread_over(Spread.HOST, 2, ready_min=1)
    chosen = plan(wanted, [at(1, EAST), at(2, EAST)], [WEST])
    assert (drained(chosen), started_on(chosen)) == ([], ["c"])


@st.composite
def geometries(draw: st.DrawFn) -> list[Host]:
    zones = draw(st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=5))
    weights = st.sampled_from([0.5, 1.0, 3.0])
    return [host(f"h{n}", zone, draw(weights)) for n, zone in enumerate(zones)]


@given(geometries(), st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 2))
def test_zones_stay_within_one_of_each_other_through_any_scaling(
    hosts: list[Host], counts: list[int], ready_min: int
) -> None:
    replicas: list[SeenReplica] = []
    for count in counts:
        wanted = spread_over(Spread.ZONE, count, ready_min=min(count, ready_min))
        replicas = settle(wanted, replicas, hosts)[-1]
        assert unevenness(by_zone(replicas, hosts)) <= 1


@given(geometries(), geometries(), st.integers(1, 8), st.data())
def test_after_any_change_of_hosts_all_is_on_described_ones_and_never_too_few_were_ready(
    before: list[Host], later: list[Host], count: int, data: st.DataObject
) -> None:
    ready_min = data.draw(st.integers(0, count))
    wanted = spread_over(Spread.ZONE, count, ready_min=ready_min)
    states = settle(wanted, settle(wanted, [], before)[-1], later)
    assert {r.process.host for r in states[-1]} <= {h.name for h in later}
    assert min(sum(r.phase is Phase.READY for r in state) for state in states) >= ready_min


@given(geometries(), st.integers(1, 9), st.integers(0, 3), st.data())
def test_a_release_keeps_the_zones_even_on_the_whole_way(
    hosts: list[Host], count: int, surge_max: int, data: st.DataObject
) -> None:
    ready_min = data.draw(st.integers(0, count if surge_max else count - 1))
    wanted = spread_over(Spread.ZONE, count, ready_min=ready_min, surge_max=surge_max)
    before = settle(replace(wanted, release=replace(wanted.release, id=OLD)), [], hosts)[-1]
    states = settle(wanted, before, hosts)
    assert all(r.process.release == NEW for r in states[-1])
    assert max(unevenness(by_zone(state, hosts)) for state in states) <= 1
