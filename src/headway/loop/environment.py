"""One running environment: takes turns for as long as there is something to look after.

Woken by events, which carry no orders; every turn compares whole states. A failure of the world
is shown as trouble and tried again; it never ends the loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from headway.loop import story
from headway.loop.ports import Clock
from headway.loop.turn import Memory, Turn, Wanted, World, turn
from headway.loop.turn_times import TurnTimes
from headway.model.errors import HeadwayError, StaleEpochError
from headway.model.ids import EnvironmentId, ReplicaId
from headway.model.observed import Phase, SeenReplica

TURN_EVERY_S_MAX = 1.0  # without any event we look again after this
TURN_GAP_S_MIN = 0.005  # a storm of events makes one turn, not a thousand
AFTER_FAILURE_S = 0.25

log = logging.getLogger("headway.loop")

T = TypeVar("T")


class Environment:
    """Owns the loop of one environment. `wish` changes what is wanted; the loop does the rest."""

    def __init__(
        self,
        identity: EnvironmentId,
        world: World,
        clock: Clock,
        changed: asyncio.Event,
        wanted: Wanted,
        told_before: Mapping[story.Life, Phase] | None = None,
    ) -> None:
        self.id = identity
        self._world = world
        self._clock = clock
        self._changed = changed
        self._memory = Memory(told_before=told_before or {})
        self.wanted = wanted
        self.last: Turn | None = None
        self.failure = ""  # why the last turn could not be taken; "" when it could
        self.deposed = False  # a newer control plane has taken over
        self.times = TurnTimes()

    def wish(self, wanted: Wanted) -> None:
        """Replace what is wanted and look at once."""
        self.wanted = wanted
        self._changed.set()

    @property
    def trouble(self) -> tuple[str, ...]:
        now_wrong = tuple(self._memory.trouble.values())
        return (self.failure, *now_wrong) if self.failure else now_wrong

    @property
    def failures(self) -> Mapping[ReplicaId, SeenReplica]:
        """How replicas that are not ready failed last."""
        return self._memory.failures

    @property
    def is_empty(self) -> bool:
        """A turn with the present wish has seen that nothing is left of it."""
        last = self.last
        return (
            last is not None
            and last.wanted is self.wanted
            and all(not step.replicas for step in last.steps.values())
        )

    async def run(self, is_over: Callable[[], Awaitable[bool]]) -> None:
        """Take turns until `is_over`, asked after each, says so, or a newer loop took over."""
        while True:
            self._changed.clear()
            await self._attempt(self._take_turn())
            if self.deposed or await self._attempt(is_over()):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._pause_s())
            await asyncio.sleep(TURN_GAP_S_MIN)

    async def _take_turn(self) -> None:
        if self.wanted.held:
            self.failure = self.wanted.held
            return
        began = self._clock.now()
        self.last = await turn(self._world, self.wanted, self._memory, began)
        self.times.add((self._clock.now() - began).total_seconds())
        self.failure = ""

    async def _attempt(self, step: Awaitable[T]) -> T | None:
        """None when it failed."""
        try:
            return await step
        except StaleEpochError as error:
            self.failure, self.deposed = f"{error}; {error.remedy}", True
            log.warning("%s: %s", self.id, self.failure)
        except HeadwayError as error:
            if self.failure != str(error):
                log.warning("%s: %s", self.id, error)
            self.failure = str(error)
        except Exception as error:
            # A bug must not end the care for what runs; it is shown, logged whole, and tried again.
            self.failure = f"a turn failed: {type(error).__name__}: {error}"
            log.exception("%s: a turn failed", self.id)
        return None

    def _pause_s(self) -> float:
        if self.failure:
            return AFTER_FAILURE_S
        at = self.last.look_again_at if self.last else None
        return _until_s(at, self._clock.now())


def _until_s(at: datetime | None, now: datetime) -> float:
    if at is None:
        return TURN_EVERY_S_MAX
    return max(0.0, min(at - now, timedelta(seconds=TURN_EVERY_S_MAX)).total_seconds())
