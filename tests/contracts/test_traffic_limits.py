"""Too much, refused at once: requests per second by a rate, requests at once by a cap."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.contracts.traffic_world import (
    WORKERS,
    Client,
    World,
    eventually,
    free_port,
    load,
    run,
)

from headway.model.desired import Arrow
from headway.model.ids import ServiceName
from headway.model.site import Overload
from headway.traffic.clusters import WAITING_MIN
from headway.traffic.rates import BURST_S

pytestmark = pytest.mark.contract

WEB = ServiceName("web")
OVER_S = 1.0


async def over(seconds: float, began_s: float) -> bool:
    return time.monotonic() - began_s >= seconds


def test_no_more_than_the_rate_of_all_replicas_is_let_through(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(overload=Overload(rate_per_s=60))
        w.count(2)
        await w.serve("web-0", "web-1")
        began_s = time.monotonic()
        async with load(w.entry_port, 4) as running:
            await eventually(lambda: over(OVER_S, began_s))
        took_s = time.monotonic() - began_s
        answered = running.statuses()
        assert answered.keys() == {200, 429}
        assert 0.9 * 120 * took_s < answered[200] < 120 * (took_s + BURST_S) + 2, answered
        refused = [a for a in running.answers if a.status == 429]
        assert {a.headers.get("retry-after") for a in refused} == {"1"}
        counted = await w.envoy.serving.stats("rate_limited$")
        # Some of the refused have not been read by their clients any more.
        assert 0 <= int(counted["refused.http_local_rate_limit.rate_limited"]) - answered[429] <= 4

    run(headway_home, story)


def test_every_way_to_a_service_draws_from_one_rate(headway_home: Path) -> None:
    async def story(w: World) -> None:
        ports = [free_port(), free_port()]
        callers = zip(("front", "back"), ports, strict=True)
        w.arrows = tuple(Arrow(ServiceName(c), WEB, port, None) for c, port in callers)
        w.describe(overload=Overload(rate_per_s=100))
        await w.serve("web-0")
        began_s = time.monotonic()
        async with (
            load(ports[0], 2) as first,
            load(ports[1], 2) as second,
            load(w.entry_port, 2) as users,
        ):
            await eventually(lambda: over(OVER_S, began_s))
        took_s = time.monotonic() - began_s
        through = [running.statuses()[200] for running in (first, second, users)]
        assert sum(through) < 100 * (took_s + BURST_S) + 3, through
        assert min(through) > 0

    run(headway_home, story)


def test_health_checks_are_never_refused(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(overload=Overload(rate_per_s=1))
        await w.serve("web-0")
        checks = "^cluster.web.*health_check.(attempt|failure)$"
        before = await w.envoy.serving.stats(checks)
        async with load(w.entry_port, 2) as running:
            await eventually(lambda: asked_more(w, checks, before, 20))
        assert running.statuses()[200] <= 3
        assert await w.healthy("web-0")

    run(headway_home, story)


async def asked_more(w: World, checks: str, before: dict[str, str], times: int) -> bool:
    now = await w.envoy.serving.stats(checks)
    (attempts,) = (name for name in now if name.endswith("attempt"))
    return int(now[attempts]) - int(before[attempts]) >= times


def test_a_service_without_a_rate_is_not_limited_by_its_neighbour_s(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(overload=Overload(rate_per_s=1))
        await w.serve("web-0")
        w.describe(overload=Overload())
        await w.publish("web-0")
        async with load(w.entry_port, 4) as running:
            await running.until(200)
        assert running.statuses().keys() == {200}

    run(headway_home, story)


@pytest.mark.parametrize("in_flight", [2, 8, 32])
def test_no_replica_ever_holds_more_requests_than_its_cap(
    headway_home: Path, in_flight: int
) -> None:
    async def story(w: World) -> None:
        w.describe(overload=Overload(in_flight=in_flight))
        w.budget_s = None
        await w.serve("web-0", "web-1")
        async with load(w.entry_port, 120, "/slow?ms=20") as running:
            await running.until(800)
            peaks = [int(await w.tell(name, "/peak")) for name in ("web-0", "web-1")]
        assert in_flight - WORKERS < max(peaks) <= in_flight, peaks
        assert running.statuses().keys() == {200, 503}, running.statuses()
        refused = [a for a in running.answers if a.status == 503]
        assert {a.headers.get("retry-after") for a in refused} == {"1"}

    run(headway_home, story)


def test_what_is_beyond_the_cap_is_refused_before_a_place_is_free(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(overload=Overload(in_flight=4))
        await w.serve("web-0")
        clients = [Client(w.entry_port) for _ in range(60)]
        asked = [asyncio.create_task(c.ask("/hang", "POST")) for c in clients]
        refused = len(asked) - 4 - WAITING_MIN
        await eventually(lambda: sum(task.done() for task in asked) >= refused)
        answers = [task.result() for task in asked if task.done()]
        for task in asked:
            task.cancel()
        await asyncio.wait(asked)
        for client in clients:
            client.close()
        assert {a.status for a in answers} == {503}
        assert max(a.took_s for a in answers) < 1.0

    run(headway_home, story)
