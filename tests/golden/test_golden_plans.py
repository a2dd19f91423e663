"""What the loop does next, as stories to be read and reviewed: one text file per story.

Each line is one thing at one moment of a simulated world: what was planned with its reason, what
waits and why. A change here changes what operators will see; `make golden` writes the files anew
and shows the difference.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from headway.loop.turn import Turn
from headway.model.ids import ReplicaId
from headway.model.override import DrainReplica, Override, Rank, ScaleTo
from headway.testing.builders import NEW, NOON, OLD, desired, wish
from headway.testing.engine import Behaviour
from headway.testing.world import SimulatedWorld

HERE = Path(__file__).parent
WIDTH_MAX = 100
SETTLING_TURNS, STEP_S = 200, 0.1
COUNTDOWN = re.compile(r"in [\d.]+ s\b")  # told once, not every tenth of a second
Story = Callable[["Teller"], Awaitable[None]]


class Teller:
    """Plays the real loop in a simulated world and writes down whatever is new."""

    def __init__(self, world: SimulatedWorld) -> None:
        self.world = world
        self.lines: list[str] = []
        self._waiting: frozenset[str] = frozenset()

    def say(self, text: str) -> None:
        self.lines.append(f"\n-- {text}")

    async def play(self, turns: int = SETTLING_TURNS) -> None:
        for _ in range(turns):
            self._tell(await self.world.turn(step_s=STEP_S))

    def _tell(self, turn: Turn) -> None:
        at = f"{(turn.at - NOON).total_seconds():7.1f} s"
        for action in turn.actions:
            verb = type(action).__name__.lower()
            self.lines.append(f"{at}  {verb:7} {action.replica:7} {_reason(action)}".rstrip())
        reasons = [w.reason for step in turn.steps.values() for w in step.plan.waiting]
        waiting = {COUNTDOWN.sub("later", reason): reason for reason in reasons}
        for same, reason in waiting.items():
            if same not in self._waiting:
                self.lines.append(f"{at}  waits   {reason}")
        self._waiting = frozenset(waiting)


def _reason(action: object) -> str:
    return str(getattr(action, "reason", ""))


def a_world(count: int, behaviours: Iterator[Behaviour] | None = None) -> SimulatedWorld:
    drawn = behaviours or iter(())
    wanted = desired(wish("web", count, release=OLD))
    return SimulatedWorld(1, wanted, lambda _: next(drawn, Behaviour()))


async def first_start(teller: Teller) -> None:
    teller.say("three replicas are described, nothing runs")
    await teller.play()


async def new_release(teller: Teller) -> None:
    await teller.play()
    teller.say("the same three replicas, of a new release")
    teller.world.want(desired(wish("web", 3, release=NEW)))
    await teller.play()


async def release_that_never_gets_healthy(teller: Teller) -> None:
    await teller.play()
    teller.say("a new release whose processes exit at once: the old ones stay")
    teller.world.want(desired(wish("web", 3, release=NEW)))
    await teller.play(30)


async def crash(teller: Teller) -> None:
    await teller.play()
    teller.say("web-2 is killed by somebody")
    teller.world.engine.kill(ReplicaId("web-2"))
    await teller.play()


async def scaled_by_hand(teller: Teller) -> None:
    await teller.play()
    teller.say("anna scales to 1, for half a minute")
    wished = wish("web").service.name
    teller.world.override(_by_anna(teller.world, ScaleTo(wished, 1), seconds=30))
    await teller.play()
    teller.say("the override has expired")
    await teller.play()


async def drained_by_hand(teller: Teller) -> None:
    await teller.play()
    teller.say("anna drains web-1")
    now = teller.world.now()
    drained = DrainReplica(wish("web").service.name, ReplicaId("web-1"), now)
    teller.world.override(_by_anna(teller.world, drained, seconds=3600))
    await teller.play()


def _by_anna(world: SimulatedWorld, change: ScaleTo | DrainReplica, *, seconds: float) -> Override:
    now = world.now()
    return Override(change, Rank.HUMAN, "anna", "", now, now + timedelta(seconds=seconds))


STORIES: tuple[Story, ...] = (
    first_start,
    new_release,
    release_that_never_gets_healthy,
    crash,
    scaled_by_hand,
    drained_by_hand,
)


def told(story: Story) -> str:
    async def tell() -> str:
        healthy, broken = Behaviour(), Behaviour(exits_after_s=0.2)
        after_three = iter([healthy] * 3 + [broken] * 1000)
        fails = story is release_that_never_gets_healthy
        teller = Teller(a_world(3, after_three if fails else None))
        await story(teller)
        return "\n".join(teller.lines).lstrip("\n") + "\n"

    return asyncio.run(tell())


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_loop_tells_the_story_that_was_reviewed(story: Story) -> None:
    file = HERE / f"{story.__name__}.txt"
    text = told(story)
    if os.environ.get("HEADWAY_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert file.exists(), "no such story yet: make golden writes it; read it before you commit it"
    assert text == file.read_text(encoding="utf-8"), "if it should differ: make golden, then review"
    assert all(len(line) <= WIDTH_MAX for line in text.splitlines())


def test_every_file_has_its_story() -> None:
    assert {p.stem for p in HERE.glob("*.txt")} == {story.__name__ for story in STORIES}
