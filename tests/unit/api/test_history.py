"""Why a service is as it is, told once."""

from datetime import UTC, datetime, timedelta

from headway.api.control import OverrideView, ReplicaView, ServiceView, Tense
from headway.api.history import why_view
from headway.model.event import Event
from headway.model.ids import ReleaseId, ReplicaId, ServiceName
from headway.model.observed import Phase
from headway.model.site import Kind

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WEB = ServiceName("web")


def replica(name: str, phase: Phase, reason: str) -> ReplicaView:
    return ReplicaView(
        ReplicaId(name), phase, reason, False, None, None, ReleaseId("r1"), 1, 0, None
    )


def service(*replicas: ReplicaView, **more: tuple[object, ...]) -> ServiceView:
    return ServiceView(
        name=WEB,
        kind=Kind.SERVICE,
        desired_count=2,
        ready_count=0,
        phases={},
        release=ReleaseId("r1"),
        replicas=replicas,
        settled=False,
        failed=False,
        **more,  # type: ignore[arg-type]
    )


def event(kind: str, text: str, *, at: datetime = NOON, actor: str = "headway") -> Event:
    return Event(at, None, kind, "web", text, actor, {})


def test_what_waits_for_a_replica_is_not_said_a_second_time() -> None:
    seen = service(
        replica("web-1", Phase.FAILED, "exited 1"),
        replica("web-2", Phase.FAILED, "exited 1"),
        waiting=("web-1 restarts in 2 s: exited 1",),
    )
    told = [line.text for line in why_view(seen, (), []).lines]
    assert told == ["web-1 restarts in 2 s: exited 1", "web-2 failed: exited 1"]


def test_a_wish_in_force_is_told_as_an_override_and_not_again_as_an_event() -> None:
    day = timedelta(days=1)
    wish = OverrideView(WEB, "scaled to 3", "ann", "", NOON, NOON + day)
    scaled = event("scale", "web: 2 -> 3 replicas", actor="ann", at=NOON + timedelta(seconds=0.01))
    before = event("scale", "web: 1 -> 2 replicas", actor="ann", at=NOON - day)
    lines = why_view(service(overrides=(wish,)), (), [before, scaled]).lines
    assert [(line.tense, line.text) for line in lines] == [
        (Tense.OVERRIDE, "scaled to 3 until 2026-01-02 12:00"),
        (Tense.PAST, "web: 1 -> 2 replicas"),
    ]


def test_only_people_sign_what_was_done() -> None:
    events = [event("start", "2 wanted"), event("restart", "replaced", actor="ann")]
    lines = why_view(service(), (), events).lines
    assert [line.actor for line in lines] == ["ann", ""]
