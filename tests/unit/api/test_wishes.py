"""Wishes of people as overrides: they fit, are few, and the later takes the earlier's place."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.api import wishes
from headway.api.control import ConflictError
from headway.engine.io.blocks import REPLICAS_MAX
from headway.model.actor import HEADWAY
from headway.model.desired import Desired
from headway.model.ids import ReplicaId, ServiceName
from headway.model.override import (
    Change,
    DrainReplica,
    LogAt,
    Override,
    Rank,
    RestartBefore,
    ScaleTo,
)
from headway.planning.resolve import resolve
from headway.testing.builders import NOON, after, desired, wish

WEB, DB = ServiceName("web"), ServiceName("db")
DESCRIBED = desired(wish("web", count=2), wish("db", count=2))
SURGES = sum(service.surge_max for service in DESCRIBED.services.values())
ROOM = REPLICAS_MAX - SURGES - 2  # for `web` beside both replicas of `db`


def scaled(
    service: ServiceName, count: int, *, made_s: float = 0, for_s: float = 60
) -> wishes.Wish:
    by = wishes.By(HEADWAY, "", after(made_s))
    return wishes.scale(DESCRIBED.services[service], count, by, for_s=for_s)


def restarted(made_s: float) -> Override:
    return wishes.restart(WEB, wishes.By(HEADWAY, "", after(made_s))).override


def test_as_many_replicas_as_there_are_ports_for_and_not_one_more() -> None:
    wishes.check_room(DESCRIBED, (), scaled(WEB, ROOM))
    with pytest.raises(ConflictError, match=f"{ROOM + 1} replicas of web do not fit") as refused:
        wishes.check_room(DESCRIBED, (), scaled(WEB, ROOM + 1))
    assert refused.value.remedy == f"at most {ROOM} of web as things are"


def test_what_others_were_scaled_to_takes_room_until_that_ends() -> None:
    others = (scaled(DB, 102).override,)
    with pytest.raises(ConflictError) as refused:
        wishes.check_room(DESCRIBED, others, scaled(WEB, ROOM, made_s=59))
    assert refused.value.remedy == f"at most {ROOM - 100} of web as things are"
    wishes.check_room(DESCRIBED, others, scaled(WEB, ROOM, made_s=61))


def test_fewer_are_welcome_also_where_there_were_too_many() -> None:
    others = (scaled(WEB, 900).override,)
    wishes.check_room(DESCRIBED, others, scaled(WEB, 800, made_s=1))


def test_a_thousand_restarts_are_one() -> None:
    overrides: tuple[Override, ...] = ()
    for number in range(1000):
        overrides = wishes.with_wish(overrides, restarted(number))
    assert overrides == (restarted(999),)


def test_what_outlasts_a_later_wish_is_what_things_go_back_to() -> None:
    day, hour = scaled(WEB, 5, for_s=86_400), scaled(WEB, 9, made_s=1, for_s=3600)
    both = wishes.with_wish((day.override,), hour.override)
    assert both == (day.override, hour.override)
    assert wishes.with_wish(both, scaled(WEB, 7, made_s=2, for_s=90_000).override)[1:] == ()


def test_there_is_a_limit_to_wishes_that_do_not_replace_each_other() -> None:
    overrides: tuple[Override, ...] = ()
    for number in range(wishes.OVERRIDES_MAX):
        wished = scaled(WEB, 3, made_s=number, for_s=86_400 - 2 * number).override
        wishes.check_few(overrides, wished)
        overrides = wishes.with_wish(overrides, wished)
    with pytest.raises(ConflictError, match="1000 wishes are in force already"):
        wishes.check_few(overrides, scaled(WEB, 3, made_s=1000, for_s=60).override)
    wishes.check_few(overrides, scaled(WEB, 3, made_s=1000, for_s=90_000).override)


def _change(kind: int, service: ServiceName, number: int, made_at: datetime) -> Change:
    changes: tuple[Change, ...] = (
        ScaleTo(service, number),
        RestartBefore(service, made_at),
        DrainReplica(service, ReplicaId(f"{service}-{number}"), made_at),
        LogAt(service, ("", "debug", "error")[number]),
    )
    return changes[kind]


@st.composite
def _overrides(draw: st.DrawFn) -> list[Override]:
    kinds, numbers = st.integers(0, 3), st.integers(0, 2)
    ranks = st.sampled_from((Rank.HUMAN, Rank.SCALING, Rank.DRILL))
    made = []
    for made_s in range(draw(st.integers(1, 8))):
        change = _change(
            draw(kinds), draw(st.sampled_from((WEB, DB))), draw(numbers), after(made_s)
        )
        until = after(made_s) + timedelta(seconds=draw(st.integers(1, 9)))
        made.append(Override(change, draw(ranks), "anna", "", after(made_s), until))
    return made


def _sense(found: Desired) -> list[object]:
    """What is to be done, without the words for it."""
    return [
        (s.count, s.ready_min, s.restart_before, dict(sorted(s.drained)), s.controls.log_level)
        for s in found.services.values()
    ]


@given(_overrides(), st.integers(0, 20))
def test_what_was_replaced_would_have_changed_nothing(made: list[Override], later_s: int) -> None:
    kept: tuple[Override, ...] = ()
    for one in made:
        kept = wishes.with_wish(kept, one)
    now = NOON + timedelta(seconds=len(made) - 1 + later_s)
    assert _sense(resolve(DESCRIBED, kept, now)) == _sense(resolve(DESCRIBED, made, now))
