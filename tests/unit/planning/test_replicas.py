"""What `plan_service` promises: examples first, then safety, restraint and progress for any world.

Method: `obey` plays a perfect engine and `pass_time` a world that keeps up; hypothesis invents the
worlds to start from. `tests/simulation` plays the imperfect ones.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from headway.model.desired import DesiredService
from headway.model.ids import ReplicaId
from headway.model.observed import ALIVE, Phase, SeenReplica
from headway.model.plan import Drain, Forget, Plan, Start, Stop
from headway.planning.replicas import QUIET_S_MIN, is_current, plan_service
from headway.testing.builders import HOST, NEW, NOON, OLD, after, process, seen, wish

TURNS_MAX = 60


def plan(
    desired: DesiredService,
    replicas: Sequence[SeenReplica],
    *,
    at_s: float = 100,
    routed: frozenset[ReplicaId] = frozenset(),
) -> Plan:
    return plan_service(desired, replicas, routed=routed, hosts=[HOST], now=after(at_s))


def started(chosen: Plan) -> list[str]:
    return [a.replica for a in chosen.actions if isinstance(a, Start)]


def drained(chosen: Plan) -> list[str]:
    return [a.replica for a in chosen.actions if isinstance(a, Drain)]


def stopped(chosen: Plan) -> list[str]:
    return [a.replica for a in chosen.actions if isinstance(a, Stop)]


def test_a_settled_service_needs_nothing() -> None:
    assert plan(wish(count=2), [seen("web-1"), seen("web-2")]) == Plan()


def test_missing_replicas_are_started_in_the_lowest_free_slots() -> None:
    assert started(plan(wish(count=4, surge_max=3), [seen("web-2")])) == ["web-1", "web-3", "web-4"]


def test_a_release_starts_the_new_before_it_drains_the_old() -> None:
    wanted = wish(count=1, ready_min=1)
    first = plan(wanted, [seen("web-1", release=OLD)])
    assert (started(first), drained(first)) == (["web-2"], [])
    assert [w.reason for w in first.waiting] == ["web-1 is kept: no replica of r-new is ready yet"]
    second = plan(wanted, [seen("web-1", release=OLD), seen("web-2")])
    assert drained(second) == ["web-1"]


def test_a_release_that_never_becomes_ready_takes_no_ready_replica_away() -> None:
    old = [seen(f"web-{n}", release=OLD) for n in (1, 2, 3)]
    chosen = plan(wish(count=3), [*old, seen("web-4", Phase.STARTING)])
    assert drained(chosen) == []


def test_fewer_replicas_of_a_new_release_begin_with_the_old_ones_that_are_too_many() -> None:
    wanted = wish(count=2, ready_min=1, surge_max=1, release=NEW)
    old = [seen(f"web-{number}", release=OLD) for number in range(1, 5)]
    first = plan(wanted, old)
    assert (started(first), drained(first)) == ([], ["web-1", "web-2"])
    second = plan(wanted, old[2:])
    assert (started(second), drained(second)) == (["web-1"], [])


def test_a_failed_replica_waits_for_its_time_and_says_so() -> None:
    failed = replace(seen("web-1", Phase.FAILED), retry_at=after(102), next_attempt=3, reason="x")
    waiting = plan(wish(count=1), [failed], at_s=100)
    assert (started(waiting), waiting.waiting[0].reason) == (
        [],
        "web-1 restarts in 2.0 s (attempt 4): x",
    )
    again = plan(wish(count=1), [failed], at_s=102)
    assert [
        (a.replica, a.incarnation, a.attempt) for a in again.actions if isinstance(a, Start)
    ] == [("web-1", 2, 3)]


def test_a_replica_that_was_given_up_but_lives_is_stopped_before_it_starts_again() -> None:
    alive = SeenReplica(process("web-1"), Phase.FAILED, "unhealthy for 10 s")
    chosen = plan(wish(count=1), [alive, seen("web-2")])
    assert (stopped(chosen), started(chosen)) == (["web-1"], [])


def test_a_failed_replica_of_an_old_release_is_forgotten_and_not_started_again() -> None:
    chosen = plan(wish(count=1), [seen("web-1", Phase.FAILED, release=OLD)])
    assert [type(a) for a in chosen.actions] == [Forget, Start]
    assert started(chosen) == ["web-2"]


def test_a_drained_replica_ends_when_it_is_out_of_envoy_and_nothing_is_connected() -> None:
    draining = seen("web-1", Phase.DRAINING)
    busy = replace(draining, process=replace(draining.process, connections=2))
    wanted = wish(count=0)
    assert stopped(plan(wanted, [busy], at_s=1)) == []
    assert stopped(plan(wanted, [draining], at_s=QUIET_S_MIN / 2)) == []
    assert stopped(plan(wanted, [draining], at_s=1, routed=frozenset({ReplicaId("web-1")}))) == []
    assert stopped(plan(wanted, [draining], at_s=1)) == ["web-1"]


def test_a_drain_that_never_gets_quiet_ends_after_its_time() -> None:
    draining = seen("web-1", Phase.DRAINING)
    busy = replace(draining, process=replace(draining.process, connections=2))
    wanted = wish(count=0)
    assert stopped(plan(wanted, [busy], at_s=wanted.service.drain_s + QUIET_S_MIN / 2)) == []
    assert stopped(plan(wanted, [busy], at_s=5.4)) == ["web-1"]


def test_a_release_without_surge_begins_with_the_replica_that_can_be_spared() -> None:
    wanted = wish(count=2, ready_min=1, surge_max=0, release=NEW)
    old = [seen("web-1", release=OLD), seen("web-2", release=OLD)]
    chosen = plan(wanted, old)
    assert (started(chosen), drained(chosen)) == ([], ["web-1"])


def test_a_replica_drained_by_a_person_gives_way_only_as_far_as_ready_min_allows() -> None:
    wanted = replace(
        wish(count=2, ready_min=2), drained=frozenset({(ReplicaId("web-1"), after(50))})
    )
    both = [seen("web-1"), seen("web-2")]
    first = plan(wanted, both)
    assert (started(first), drained(first)) == (["web-3"], [])
    assert drained(plan(wanted, [*both, seen("web-3")])) == ["web-1"]


def test_a_restart_replaces_what_started_before_it_and_leaves_what_came_after() -> None:
    wanted = replace(wish(count=2), restart_before=after(50))
    young = seen("web-2", started_at=after(60))
    assert drained(plan(wanted, [seen("web-1"), young])) == ["web-1"]
    assert plan(wanted, [young, seen("web-3", started_at=after(61))]) == Plan()


def test_scaling_down_drains_what_serves_nobody_first() -> None:
    replicas = [seen("web-1"), seen("web-2", Phase.STARTING), seen("web-3")]
    assert drained(plan(wish(count=2), replicas)) == ["web-2"]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[DesiredService, list[SeenReplica]]:
    count = draw(st.integers(0, 8))
    ready_min = draw(st.integers(0, count))
    surge_max = draw(st.integers(1 if ready_min == count else 0, 3))
    parts = st.tuples(st.sampled_from([OLD, NEW]), st.sampled_from(list(Phase)))
    found = [
        seen(f"web-{number}", phase, release=release)
        for number, (release, phase) in enumerate(draw(st.lists(parts, max_size=12)), 1)
    ]
    return wish(count=count, ready_min=ready_min, surge_max=surge_max), found


def obey(replicas: Sequence[SeenReplica], chosen: Plan) -> list[SeenReplica]:
    """A perfect engine: every action happens, and happening twice is happening once."""
    known = {r.id: r for r in replicas}
    for action in chosen.actions:
        match action:
            case Start(replica=name, release=release, incarnation=incarnation):
                life = seen(name, Phase.STARTING, release=release)
                known[name] = replace(life, process=replace(life.process, incarnation=incarnation))
            case Drain(replica=name):
                leaving = known[name].process
                draining = replace(leaving, draining_since=NOON, connections=0)
                known[name] = SeenReplica(draining, Phase.DRAINING, "")
            case Stop(replica=name):
                told = replace(known[name].process, stopping_since=NOON)
                known[name] = SeenReplica(told, Phase.STOPPING, "")
            case Forget(replica=name):
                known.pop(name, None)
    return list(known.values())


def pass_time(replica: SeenReplica) -> SeenReplica:
    if replica.phase in (Phase.STARTING, Phase.UNREADY):
        return replace(replica, phase=Phase.READY)
    if replica.phase is Phase.STOPPING:
        was_drained = replica.process.draining_since is not None
        phase = Phase.DONE if was_drained else Phase.FAILED
        return seen_ended(replica, phase)
    return replica


def seen_ended(replica: SeenReplica, phase: Phase) -> SeenReplica:
    ended = seen(replica.id, Phase.DONE, release=replica.process.release).process
    drained_at = replica.process.draining_since
    return SeenReplica(replace(ended, draining_since=drained_at), phase, "")


def ready_count(replicas: Sequence[SeenReplica]) -> int:
    return sum(r.phase is Phase.READY for r in replicas)


@given(worlds())
def test_safety_we_never_take_away_needed_capacity(
    world: tuple[DesiredService, list[SeenReplica]],
) -> None:
    desired, replicas = world
    chosen = plan(desired, replicas)
    taken = {*drained(chosen), *stopped(chosen)}
    left = [r for r in replicas if r.id not in taken]
    assert ready_count(left) >= min(desired.ready_min, ready_count(replicas))


@given(worlds())
def test_proof_nothing_wanted_gives_way_to_a_release_that_has_not_shown_itself(
    world: tuple[DesiredService, list[SeenReplica]],
) -> None:
    desired, replicas = world
    ready_names = {r.id for r in replicas if r.phase is Phase.READY}
    proven = any(r.phase is Phase.READY and is_current(desired, r, [HOST]) for r in replicas)
    if not proven and desired.surge_max > 0 and desired.count > 0:
        left = ready_names - {*drained(plan(desired, replicas))}
        assert len(left) >= min(desired.count, len(ready_names))


@given(worlds())
def test_restraint_starts_never_exceed_the_surge(
    world: tuple[DesiredService, list[SeenReplica]],
) -> None:
    desired, replicas = world
    start_count = len(started(plan(desired, replicas)))
    running_count = sum(r.process.exit is None for r in replicas)
    assert start_count == 0 or running_count + start_count <= desired.count + desired.surge_max


@given(worlds())
def test_progress_repeated_planning_reaches_the_desired_state(
    world: tuple[DesiredService, list[SeenReplica]],
) -> None:
    desired, replicas = world
    for _ in range(TURNS_MAX):
        replicas = [pass_time(r) for r in obey(replicas, plan(desired, replicas))]
    assert [(r.phase, r.process.release) for r in replicas] == [(Phase.READY, NEW)] * desired.count
    assert plan(desired, replicas) == Plan()


@given(worlds())
def test_obeying_the_same_plan_twice_changes_nothing_more(
    world: tuple[DesiredService, list[SeenReplica]],
) -> None:
    desired, replicas = world
    chosen = plan(desired, replicas)
    once = obey(replicas, chosen)
    without_forget = replace(
        chosen, actions=tuple(a for a in chosen.actions if isinstance(a, Start))
    )
    assert {r.id for r in obey(once, without_forget)} == {r.id for r in once}


@given(worlds(), st.randoms())
def test_the_order_of_observations_does_not_matter(
    world: tuple[DesiredService, list[SeenReplica]], shuffler: Random
) -> None:
    desired, replicas = world
    shuffled = list(replicas)
    shuffler.shuffle(shuffled)
    assert plan(desired, replicas) == plan(desired, shuffled)


def test_every_alive_phase_is_one_that_a_drain_may_end() -> None:
    for phase in ALIVE:
        assert drained(plan(wish(count=0, ready_min=0), [seen("web-1", phase)])) == ["web-1"]


def test_the_plan_says_when_time_alone_may_change_it() -> None:
    failed = replace(seen("web-1", Phase.FAILED), retry_at=after(102), check_again_at=after(102))
    assert plan(wish(count=1), [failed]).look_again_at == after(102)
    draining = seen("web-1", Phase.DRAINING, started_at=after(100))
    soon = plan(wish(count=0), [draining], at_s=100).look_again_at
    assert soon == after(100) + timedelta(seconds=QUIET_S_MIN)
