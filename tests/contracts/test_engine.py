"""What the port `Engine` means, held by real processes and by the simulated twin alike."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.contracts.engine_world import (
    WEB,
    EngineWorld,
    Kind,
    drain,
    ended,
    everything,
    forget,
    healthy,
    local_world,
    seen,
    start,
    stop,
    twin_world,
    until,
)

from headway.model.errors import StaleEpochError
from headway.model.ids import HostName

pytestmark = pytest.mark.contract

Story = Callable[[EngineWorld], Awaitable[None]]
Tell = Callable[[Story], None]


@pytest.fixture(params=["local", "simulated"])
def tell(request: pytest.FixtureRequest, headway_home: Path) -> Tell:
    async def run(story: Story) -> None:
        if request.param == "simulated":
            async with twin_world() as twin:
                await story(twin)
        else:
            async with local_world(headway_home) as local:
                await story(local)

    return lambda story: asyncio.run(run(story))


def test_what_was_started_is_seen_and_becomes_healthy(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        outcome = await start(w, "web-0", w.launch(Kind.SERVES))
        assert outcome.ok, outcome.detail
        process = await seen(w, "web-0")
        assert process.exit is None
        assert process.pid > 0
        process = await healthy(w, "web-0")
        assert process.probe is not None
        assert process.probe.first_ok_at is not None
        assert process.address in ("127.0.0.1", "::1")

    tell(story)


def test_nothing_starts_on_a_host_that_is_not_there(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        outcome = await start(w, "web-0", w.launch(Kind.SERVES), host=HostName("nowhere"))
        assert not outcome.ok
        assert "there is no host nowhere" in outcome.detail
        assert await everything(w) == ()

    tell(story)


def test_starting_twice_starts_once(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        first = await seen(w, "web-0")
        outcome = await start(w, "web-0", w.launch(Kind.SERVES))
        assert outcome.ok, outcome.detail
        assert (await seen(w, "web-0")).pid == first.pid
        assert len(await everything(w)) == 1

    tell(story)


def test_an_older_life_is_refused(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES), incarnation=5)
        outcome = await start(w, "web-0", w.launch(Kind.SERVES), incarnation=4)
        assert not outcome.ok
        assert (await seen(w, "web-0")).incarnation == 5

    tell(story)


def test_the_next_life_begins_only_when_the_one_before_has_ended(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES), incarnation=1)
        outcome = await start(w, "web-0", w.launch(Kind.SERVES), incarnation=2)
        assert not outcome.ok
        await w.kill("web-0")
        first = await ended(w, "web-0")
        outcome = await start(w, "web-0", w.launch(Kind.SERVES), incarnation=2)
        assert outcome.ok, outcome.detail
        second = await seen(w, "web-0")
        assert second.incarnation == 2
        assert second.exit is None
        assert second.port != first.port

    tell(story)


def test_a_killed_process_is_noticed_with_its_signal(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await healthy(w, "web-0")
        await w.kill("web-0")
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert process.exit.status == -9
        assert process.probe is not None
        assert process.probe.first_ok_at is not None  # what was true of that life stays true

    tell(story)


@pytest.mark.parametrize(("kind", "status"), [(Kind.EXITS_0, 0), (Kind.EXITS_3, 3)])
def test_an_exit_is_seen_with_its_status(tell: Tell, kind: Kind, status: int) -> None:
    async def story(w: EngineWorld) -> None:
        outcome = await start(w, "web-0", w.launch(kind))
        assert outcome.ok, outcome.detail
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert process.exit.status == status

    tell(story)


def test_a_stopped_process_ends_and_says_since_when(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await healthy(w, "web-0")
        outcome = await stop(w, "web-0")
        assert outcome.ok, outcome.detail
        assert (await seen(w, "web-0")).stopping_since is not None
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert process.exit.status == -15

    tell(story)


def test_what_does_not_end_is_killed_after_its_grace(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.STUBBORN))
        await healthy(w, "web-0")
        await stop(w, "web-0", grace_s=0.3)
        process = await ended(w, "web-0")
        assert process.exit is not None
        assert process.stopping_since is not None
        assert process.exit.status == -9
        took_s = (process.exit.at - process.stopping_since).total_seconds()
        assert took_s >= 0.3

    tell(story)


def test_draining_is_remembered_and_leaves_the_process_alone(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await healthy(w, "web-0")
        assert (await drain(w, "web-0")).ok
        since = (await seen(w, "web-0")).draining_since
        assert since is not None
        assert (await drain(w, "web-0")).ok
        found = await until(w, lambda found: found[0].connections is not None)
        assert found[0].draining_since == since
        assert found[0].exit is None
        assert found[0].connections == 0

    tell(story)


def test_only_what_has_ended_is_forgotten(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await forget(w, "web-0")
        assert (await seen(w, "web-0")).exit is None
        await w.kill("web-0")
        await ended(w, "web-0")
        assert (await forget(w, "web-0")).ok
        await until(w, lambda found: not found)
        assert (await forget(w, "web-0")).ok

    tell(story)


def test_an_order_for_an_earlier_life_does_nothing(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES), incarnation=2)
        await stop(w, "web-0", incarnation=1)
        await drain(w, "web-0", incarnation=1)
        process = await healthy(w, "web-0")
        assert process.stopping_since is None
        assert process.draining_since is None

    tell(story)


def test_ending_what_never_was_is_done_already(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        assert (await stop(w, "web-9")).ok
        assert (await drain(w, "web-9")).ok
        assert (await forget(w, "web-9")).ok

    tell(story)


def test_an_older_epoch_is_refused_for_ever(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES), epoch=7)
        with pytest.raises(StaleEpochError):
            await start(w, "web-1", w.launch(Kind.SERVES), epoch=6)
        with pytest.raises(StaleEpochError):
            await start(w, "web-0", w.launch(Kind.SERVES), epoch=6)
        assert [p.replica for p in await everything(w)] == ["web-0"]

    tell(story)


def test_a_service_that_did_not_change_is_the_same_object(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        await start(w, "web-0", w.launch(Kind.SERVES))
        await healthy(w, "web-0")
        # The look at its sockets may follow the first good answer.
        before = (await w.engine.observe()).processes[WEB]
        for _ in range(20):
            await w.pause()
            before, now = (await w.engine.observe()).processes[WEB], before
            if before is now:
                break
        assert (await w.engine.observe()).processes[WEB] is before
        await w.kill("web-0")
        await ended(w, "web-0")
        assert (await w.engine.observe()).processes[WEB] is not before

    tell(story)


def test_replicas_are_listed_in_order(tell: Tell) -> None:
    async def story(w: EngineWorld) -> None:
        for name in ("web-2", "web-0", "web-1"):
            await start(w, name, w.launch(Kind.SERVES))
        assert [p.replica for p in await everything(w)] == ["web-0", "web-1", "web-2"]

    tell(story)
