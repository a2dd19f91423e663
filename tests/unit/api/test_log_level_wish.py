"""`log-level` as an override, and what is said of it."""

from dataclasses import replace
from datetime import timedelta

from headway.api import wishes
from headway.api.views import override_views
from headway.model.actor import HEADWAY
from headway.model.ids import ReplicaId, ServiceName
from headway.model.observed import Phase, SeenReplica
from headway.model.override import LogAt, Override, Rank, ScaleTo
from headway.testing.builders import NOON, process

WEB = ServiceName("web")
BY = wishes.By(HEADWAY, "slow answers", NOON)


def replica(name: str, *, has_control: bool) -> SeenReplica:
    made = replace(process(name), has_control=has_control)
    return SeenReplica(made, Phase.READY, "")


def debug(for_s: float = 600, **changes: object) -> Override:
    made = wishes.log_at(WEB, "debug", BY, for_s=for_s, replicas=()).override
    return replace(made, **changes)  # type: ignore[arg-type] # a field of it


def shown(*overrides: Override, deaf: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    replicas = [ReplicaId(name) for name in deaf]
    views = override_views(overrides, WEB, NOON, replicas)
    return [(view.text, view.blocked_by) for view in views]


def test_it_is_an_override_with_an_end_a_reason_and_an_author() -> None:
    wish = wishes.log_at(WEB, "debug", BY, for_s=600, replicas=())
    until = NOON + timedelta(minutes=10)
    assert wish.override == Override(
        LogAt(WEB, "debug"), Rank.HUMAN, HEADWAY.name, "slow answers", NOON, until
    )
    assert wish.text == f"web: log level debug until {until:%a %H:%M}"
    assert shown(wish.override) == [("log level debug", "")]


def test_replicas_that_cannot_be_told_are_named() -> None:
    replicas = (replica("web-1", has_control=True), replica("web-2", has_control=False))
    wish = wishes.log_at(WEB, "debug", BY, for_s=600, replicas=replicas)
    assert "; not reached: web-2, started by a Headway that could not: restart web" in wish.text
    assert shown(wish.override, deaf=("web-2",)) == [("log level debug (not reached: web-2)", "")]


def test_of_two_levels_the_later_one_counts_and_scaling_has_nothing_to_do_with_it() -> None:
    later = replace(debug(), change=LogAt(WEB, "error"), made_at=NOON + timedelta(seconds=1))
    scaled = replace(debug(), change=ScaleTo(WEB, 3))
    assert shown(debug(), scaled, later) == [
        ("log level debug", "log level error"),
        ("scaled to 3", ""),
        ("log level error", ""),
    ]


def test_its_own_level_holds_for_as_long_as_anything_else_would_have() -> None:
    asked = (debug(600), debug(60))
    wish = wishes.log_as_before(WEB, BY, asked)
    assert wish is not None
    assert wish.override.expires_at == NOON + timedelta(seconds=600)
    later = replace(wish.override, made_at=NOON + timedelta(seconds=1))
    assert shown(*asked, later) == []


def test_without_a_wish_there_is_nothing_to_end() -> None:
    over = debug(expires_at=NOON)
    others = debug(change=LogAt(ServiceName("ads"), "debug"))
    assert wishes.log_as_before(WEB, BY, (over, others)) is None
