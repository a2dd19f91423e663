"""What `snapshot` promises: examples first, then the same for any world."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from headway.model.desired import Arrow, Desired, DesiredService
from headway.model.ids import ServiceName
from headway.model.observed import SeenReplica
from headway.model.rotation import Share
from headway.model.site import (
    Balance,
    Call,
    Entry,
    Expect,
    HashKey,
    HashOn,
    Health,
    Overload,
    Protocol,
)
from headway.testing.builders import desired, seen, wish
from headway.traffic.endpoints import Member, file_of, read_back
from headway.traffic.resources import Endpoints, Snapshot
from headway.traffic.snapshot import snapshot, with_endpoints, with_retired

WEB, INDEX, FRONT = ServiceName("web"), ServiceName("index"), ServiceName("front")


def site(*services: DesiredService, entry_port: int = 8080) -> Desired:
    """`web` is the entry and calls `index`; `lonely` is called by nobody."""
    made = desired(*(services or (wish("web"), wish("index"), wish("lonely"))))
    return replace(
        made,
        arrows=(Arrow(WEB, INDEX, 21001, 0.15),),
        entry=Entry(WEB, entry_port),
        latency_budget_s=0.2,
    )


def made(wanted: Desired, *in_rotation: SeenReplica) -> Snapshot:
    return told(wanted, [*map(Share, in_rotation)])


def told(wanted: Desired, rotation: list[Share]) -> Snapshot:
    return snapshot(wanted, rotation, entry_address="127.0.0.1", workers=2)


def told_to_envoy(endpoints: Endpoints) -> tuple[Member, ...]:
    found = read_back(file_of(endpoints))
    assert found is not None
    return found[1]


def members(snap: Snapshot) -> dict[str, set[str]]:
    return {e.name.partition("@")[0]: {m.replica for m in told_to_envoy(e)} for e in snap.endpoints}


def test_there_is_a_cluster_for_whoever_can_be_called_and_for_nobody_else() -> None:
    assert [c.name.partition("@")[0] for c in made(site()).clusters] == ["index", "web"]


def test_there_is_a_listener_per_arrow_and_one_for_users() -> None:
    snap = made(site())
    assert [d.name for d in snap.listeners] == ["entry", "web>index"]
    assert [r.name for r in snap.routes] == ["entry", "web>index"]


def test_endpoints_hold_exactly_those_in_rotation() -> None:
    snap = made(site(), seen("web-1"), seen("web-0"), seen("lonely-0"))
    assert members(snap) == {"web": {"web-0", "web-1"}, "index": set()}
    assert snap.replicas == {"web-0", "web-1"}


def test_replicas_come_and_go_without_touching_the_structure() -> None:
    before, after = made(site(), seen("web-0")), made(site(), seen("web-1"), seen("index-0"))
    assert before.structure == after.structure
    assert before.endpoints != after.endpoints


def test_a_changed_check_is_another_cluster_and_moves_the_routes() -> None:
    slow = replace(wish("web").service, health=Health(timeout_s=0.3))
    before = made(site(wish("web"), wish("index")))
    after = made(site(replace(wish("web"), service=slow), wish("index")))
    assert before.clusters[1].name != after.clusters[1].name
    assert before.clusters[0] == after.clusters[0]
    assert before.listeners == after.listeners
    assert [a == b for a, b in zip(before.routes, after.routes, strict=True)] == [False, True]


def test_what_does_not_concern_traffic_changes_no_cluster() -> None:
    service = replace(wish("web").service, replicas=9, calls=(Call(INDEX),), drain_s=60.0)
    renewed = replace(wish("web", count=9), service=service)
    assert made(site(wish("web"), wish("index"))) == made(site(renewed, wish("index")))


def test_a_changed_deadline_changes_a_route_and_no_listener() -> None:
    later = replace(site(), arrows=(Arrow(WEB, INDEX, 21001, 0.5),))
    before, after = made(site()), made(later)
    assert before.listeners == after.listeners
    assert before.clusters == after.clusters
    assert before.routes != after.routes


def test_going_down_closes_the_entry() -> None:
    down = replace(site(), entry=None, arrows=())
    assert made(down, seen("web-0")) == Snapshot((), (), (), (), frozenset())


def shares_of_web(snap: Snapshot) -> list[tuple[str, int, bool]]:
    (web,) = (e for e in snap.endpoints if e.name.startswith("web@"))
    return [(m.replica, m.weight, m.far) for m in told_to_envoy(web)]


def test_shares_become_weights_and_far_replicas_stand_one_step_behind() -> None:
    near = Share(seen("web-0"), weight=7)
    far = Share(seen("web-1"), weight=50, near=False)
    snap = told(site(), [far, near])
    assert shares_of_web(snap) == [("web-0", 7, False), ("web-1", 50, True)]


def test_far_replicas_do_not_change_their_step_when_the_near_ones_are_gone() -> None:
    far = Share(seen("web-1"), near=False)
    assert shares_of_web(told(site(), [far])) == [("web-1", 100, True)]


def test_another_weight_or_step_is_another_version() -> None:
    share = Share(seen("web-0"))
    others = [replace(share, weight=99), replace(share, near=False)]
    versions = {told(site(), [s]).endpoints[1].version for s in (share, *others)}
    assert len(versions) == 3


def test_a_limited_service_is_scaled_without_touching_its_cluster_or_a_listener() -> None:
    limited = replace(wish("web").service, overload=Overload(rate_per_s=10))
    before = made(site(replace(wish("web", count=2), service=limited), wish("index")))
    after = made(site(replace(wish("web", count=3), service=limited), wish("index")))
    assert [rate for _, rate in before.rates] == [20]
    assert [rate for _, rate in after.rates] == [30]
    assert before.structure != after.structure
    assert (before.clusters, before.listeners) == (after.clusters, after.listeners)


def test_two_lives_at_one_address_count_once() -> None:
    first = seen("web-0")
    second = replace(first, process=replace(first.process, replica=seen("web-1").id, incarnation=2))
    assert members(made(site(), second, first))["web"] == {"web-1"}


def test_a_retired_cluster_keeps_its_body_and_follows_the_replicas() -> None:
    old = made(site(), seen("web-0"))
    slow = replace(wish("web").service, health=Health(timeout_s=0.3))
    new = made(site(replace(wish("web"), service=slow), wish("index")), seen("web-1"))
    both = with_endpoints(with_retired(new, old.clusters), [Share(seen("web-1"))])
    assert len(both.clusters) == 3
    assert old.clusters[1] in both.clusters
    webs = [e for e in both.endpoints if e.name.startswith("web@")]
    assert [[m.replica for m in told_to_envoy(e)] for e in webs] == [["web-1"], ["web-1"]]


NAMES = ("web", "index", "front", "lonely")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Desired, list[SeenReplica]]:
    services = []
    for name in NAMES:
        service = replace(
            wish(name).service,
            protocol=draw(st.sampled_from(Protocol)),
            balance=draw(st.sampled_from(Balance)),
            health=Health(expect=draw(st.sampled_from(Expect))),
            overload=Overload(draw(st.integers(1, 500)), draw(st.none() | st.floats(0.01, 1e5))),
            hash_key=draw(st.none() | st.builds(HashKey, st.sampled_from(HashOn), st.just("x"))),
        )
        services.append(replace(wish(name), service=service))
    names = st.sampled_from([ServiceName(n) for n in NAMES])
    pairs = draw(st.lists(st.tuples(names, names), unique=True, max_size=6))
    deadlines = st.none() | st.floats(0.01, 60)
    arrows = tuple(Arrow(a, b, 21000 + i, draw(deadlines)) for i, (a, b) in enumerate(pairs))
    ids = draw(st.sets(st.tuples(names, st.integers(0, 9)), max_size=12))
    replicas = [seen(f"{name}-{number}") for name, number in sorted(ids)]
    spread = [
        replace(r, process=replace(r.process, port=20000 + i)) for i, r in enumerate(replicas)
    ]
    entry = draw(st.none() | names)
    wanted = replace(
        desired(*services),
        arrows=arrows,
        entry=Entry(entry, 8080) if entry else None,
        latency_budget_s=draw(st.none() | st.floats(0.05, 5)),
    )
    return wanted, spread


@given(worlds(), st.randoms(use_true_random=False))
def test_the_same_facts_give_the_same_snapshot_in_any_order(
    world: tuple[Desired, list[SeenReplica]], chance: Random
) -> None:
    wanted, replicas = world
    arrows, services = list(wanted.arrows), list(wanted.services.items())
    for order in (arrows, services):
        chance.shuffle(order)
    shuffled = replace(wanted, arrows=tuple(arrows), services=dict(services))
    again = chance.sample(replicas, len(replicas))
    assert made(wanted, *replicas) == made(shuffled, *again)


@given(worlds())
def test_every_cluster_that_is_named_exists(world: tuple[Desired, list[SeenReplica]]) -> None:
    wanted, replicas = world
    snap = made(wanted, *replicas)
    known = {c.name for c in snap.clusters}
    assert {e.name for e in snap.endpoints} == known
    routed = {route["route"]["cluster"] for r in snap.routes for route in r.body["routes"]}
    proxies = [d.body["filter_chains"][0]["filters"][0]["typed_config"] for d in snap.listeners]
    assert routed | {p["cluster"] for p in proxies if "cluster" in p} == known


@given(worlds())
def test_who_is_in_rotation_and_callable_is_in_the_endpoints(
    world: tuple[Desired, list[SeenReplica]],
) -> None:
    wanted, replicas = world
    called = {a.callee for a in wanted.arrows} | ({wanted.entry.service} if wanted.entry else set())
    expected = {r.id for r in replicas if r.process.service in called}
    snap = made(wanted, *replicas)
    assert snap.replicas == expected == set().union(*members(snap).values())
