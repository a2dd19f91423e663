"""A wish about the log level reaches the services, ends, and survives the end of the loop."""

import asyncio
from datetime import timedelta

from headway.model.desired import Controls
from headway.model.ids import ServiceName
from headway.model.override import LogAt, Override, Rank
from headway.testing.builders import desired, wish
from headway.testing.world import SimulatedWorld

WEB = ServiceName("web")


def asked(world: SimulatedWorld, level: str, *, for_s: float, rank: Rank = Rank.HUMAN) -> None:
    now = world.now()
    until = now + timedelta(seconds=for_s)
    world.override(Override(LogAt(WEB, level), rank, "anna", "", now, until))


def level(world: SimulatedWorld) -> str:
    return world.engine.words.get(WEB, Controls()).log_level


def test_a_service_is_told_in_the_very_next_turn_and_nothing_is_restarted() -> None:
    world = SimulatedWorld(1, desired(wish(count=2)))
    asyncio.run(world.turns(50))
    starts = world.engine.starts
    asked(world, "debug", for_s=600)
    asyncio.run(world.look())
    assert level(world) == "debug"
    asyncio.run(world.turns(50))
    assert world.engine.starts == starts
    assert world.last is not None
    assert world.last.actions == ()


def test_it_is_over_when_its_time_is_over() -> None:
    world = SimulatedWorld(1, desired(wish(count=1)))
    asked(world, "debug", for_s=60)
    asyncio.run(world.turns(2))
    assert level(world) == "debug"
    asyncio.run(world.turn(step_s=61))
    assert world.engine.words == {}


def test_the_last_word_counts_and_the_own_level_ends_all_of_them() -> None:
    world = SimulatedWorld(1, desired(wish(count=1)))
    asked(world, "debug", for_s=600)
    asyncio.run(world.turn())
    asked(world, "error", for_s=60)
    asyncio.run(world.turn())
    assert level(world) == "error"
    asyncio.run(world.turn(step_s=61))
    assert level(world) == "debug"
    asked(world, "", for_s=600)
    asyncio.run(world.turn())
    assert world.engine.words == {}


def test_a_loop_that_comes_after_puts_right_what_it_finds() -> None:
    world = SimulatedWorld(1, desired(wish(count=1)))
    asked(world, "debug", for_s=600)
    asyncio.run(world.turn())
    world.restart_loop()
    world.engine.words = {WEB: Controls("error", world.now()), ServiceName("gone"): Controls()}
    asyncio.run(world.turn())
    assert {name: said.log_level for name, said in world.engine.words.items()} == {WEB: "debug"}


def test_a_word_that_got_lost_is_trouble_until_it_is_said_again() -> None:
    world = SimulatedWorld(1, desired(wish(count=1)))
    asyncio.run(world.turns(50))
    world.engine.lose_answers = 1.0
    asked(world, "debug", for_s=600)
    turn = asyncio.run(world.turn())
    assert turn.trouble == ("the request was lost",)
    assert level(world) == ""
    world.engine.lose_answers = 0.0
    turn = asyncio.run(world.turn())
    assert turn.trouble == ()
    assert level(world) == "debug"
