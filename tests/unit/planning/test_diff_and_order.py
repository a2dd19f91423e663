"""What a plan tells about a changed description, and the order services are touched in."""

from dataclasses import replace

from headway.model.desired import Desired, DesiredService
from headway.model.ids import HostName, ServiceName
from headway.model.site import Call, DescribedHost, HashKey, HashOn, Overload, Service, Spread
from headway.planning.diff import Kind, diff
from headway.planning.order import callees_first
from headway.testing.builders import desired, process, wish


def with_digest(service: DesiredService, digest: str) -> DesiredService:
    return replace(service, release=replace(service.release, digest=digest))


def changed(service: DesiredService, **fields: object) -> DesiredService:
    return replace(service, service=replace(service.service, **fields))  # type: ignore[arg-type]


def only(before: Desired, after: Desired) -> tuple[str, str, str, str, int]:
    (found,) = diff(before, after)
    return found.what, found.before, found.after, found.effect, found.restarts


def test_the_same_description_makes_no_difference() -> None:
    assert diff(desired(wish()), desired(wish())) == ()


def test_everything_is_new_in_an_environment_that_does_not_run_yet() -> None:
    found = diff(None, desired(wish(count=3)))
    assert [(d.kind, d.subject, d.starts, d.effect) for d in found] == [
        (Kind.ADDED, "web", 3, "3 replicas start")
    ]


def test_shares_are_a_matter_of_envoy_and_are_shown_in_the_words_of_the_description() -> None:
    key = HashKey(HashOn.COOKIE, "sid")
    for fields, told in (
        ({"slow_start_s": 0.5}, ("slow_start", "10s", "500ms")),
        ({"weights": (3.0, 1.5)}, ("weight", "", "3 1.5")),
        ({"hash_key": key}, ("hash", "", "cookie sid")),
        ({"overload": Overload(rate_per_s=20)}, ("overload.rate", "", "20/s")),
    ):
        found = only(desired(wish()), desired(changed(wish(), **fields)))
        assert found == (*told, "Envoy only, no restart", 0)
    zoned = changed(wish(), spread=Spread.ZONE)
    assert only(desired(wish()), desired(zoned)) == ("spread", "host", "zone", "no restart", 0)


def test_hosts_that_change_are_shown_with_what_becomes_of_their_replicas() -> None:
    a, b = DescribedHost(HostName("a"), "east", 2), DescribedHost(HostName("b"), "west")
    one, two = (replace(desired(wish()), hosts=hosts) for hosts in ((a,), (a, b)))
    what, before, after, effect, _ = only(two, one)
    assert (what, before, after) == ("hosts", "a (east, weight 2), b (west)", "a (east, weight 2)")
    assert "replicas on hosts that leave are replaced" in effect
    assert only(desired(wish()), one)[1] == "this machine"


def test_replicas_on_hosts_that_leave_are_counted_and_only_those() -> None:
    a, b = DescribedHost(HostName("a"), "east"), DescribedHost(HostName("b"), "west")
    before, after = (replace(desired(wish(count=3)), hosts=hosts) for hosts in ((a, b), (b,)))
    running = [replace(process(f"web-{n}"), host=HostName(h)) for n, h in enumerate("aab", 1)]
    assert [d.restarts for d in diff(before, after, running)] == [2]
    changed_too = replace(desired(with_digest(wish(count=3), "y")), hosts=(b,))
    moved = [d.restarts for d in diff(before, changed_too, running) if d.what == "hosts"]
    assert moved == [0], "their release replaces them already"


def test_hosts_that_join_or_weigh_more_restart_nothing() -> None:
    a, b = DescribedHost(HostName("a"), "east"), DescribedHost(HostName("b"), "west")
    running = [replace(process("web-1"), host=a.name)]
    for was, becomes in (((a,), (a, b)), ((a,), (replace(a, weight=3),)), ((a, b), ())):
        before, after = (replace(desired(wish()), hosts=hosts) for hosts in (was, becomes))
        (found,) = diff(before, after, running)
        assert (found.restarts, found.effect.startswith("no restart")) == (0, True)


def test_a_service_that_leaves_is_drained() -> None:
    (found,) = diff(desired(wish(count=2), wish("db")), desired(wish("db")))
    assert (found.kind, found.stops, found.effect) == (
        Kind.REMOVED,
        2,
        "2 replicas drain and end",
    )


def test_a_changed_variable_replaces_every_replica_once() -> None:
    before = with_digest(changed(wish(count=3), env={"A": "1", "B": "1"}), "x")
    after = with_digest(changed(wish(count=3), env={"A": "2", "B": "2"}), "y")
    found = diff(desired(before), desired(after))
    assert [d.what for d in found] == ["env.A", "env.B"]
    assert sum(d.restarts for d in found) == 3
    assert found[0].effect == "rolling replacement of 3 replicas"


def test_more_replicas_restart_nothing() -> None:
    before, after = desired(wish(count=2, ready_min=1)), desired(wish(count=5, ready_min=1))
    assert only(before, after) == ("replicas", "2", "5", "3 replicas more", 0)


def test_a_deadline_is_a_matter_of_envoy() -> None:
    calls = [(Call(ServiceName("db"), deadline_s=s),) for s in (0.1, 0.2)]
    before, after = (desired(changed(wish(), calls=c), wish("db")) for c in calls)
    assert only(before, after) == (
        "calls.db.deadline",
        "100ms",
        "200ms",
        "Envoy only, no restart",
        0,
    )


def test_a_new_cap_is_a_matter_of_envoy() -> None:
    before, after = desired(wish()), desired(changed(wish(), overload=Overload(64)))
    assert only(before, after)[3] == "Envoy only, no restart"


def test_a_changed_file_is_named_with_its_old_and_new_content() -> None:
    def with_file(digest: str) -> DesiredService:
        service = with_digest(wish(), digest)
        return replace(service, release=replace(service.release, files={"words.txt": digest}))

    before, after = desired(with_file("a" * 64)), desired(with_file("b" * 64))
    assert only(before, after)[:3] == ("files.words.txt", "aaaaaaa", "bbbbbbb")


def test_callees_come_before_their_callers() -> None:
    def calling(name: str, *callees: str) -> Service:
        calls = tuple(Call(ServiceName(c)) for c in callees)
        return Service(ServiceName(name), "team", ("x",), calls=calls)

    services = {
        s.name: s for s in (calling("a", "b", "c"), calling("b", "c"), calling("c"), calling("d"))
    }
    assert callees_first(services) == ("c", "b", "a", "d")


def test_a_cycle_of_optional_calls_still_has_an_order() -> None:
    one = Service(ServiceName("a"), "t", ("x",), calls=(Call(ServiceName("b"), optional=True),))
    two = Service(ServiceName("b"), "t", ("x",), calls=(Call(ServiceName("a"), optional=True),))
    assert sorted(callees_first({one.name: one, two.name: two})) == ["a", "b"]


def test_a_chain_of_two_thousand_services_meets_no_limit() -> None:
    names = [ServiceName(f"s{n:04}") for n in range(2000)]
    services = {
        name: Service(name, "t", ("x",), calls=(Call(names[n + 1]),) if n < 1999 else ())
        for n, name in enumerate(names)
    }
    assert callees_first(services) == tuple(reversed(names))
