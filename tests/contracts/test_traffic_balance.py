"""Who gets how much: the real Envoy keeps the shares that it is told, and users keep their replica.

The bounds are four standard deviations of a fair draw: a right balancer fails once in 10,000 runs.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest
from tests.contracts.traffic_world import Client, World, eventually, load, run

from headway.model.rotation import Share
from headway.model.site import Balance, HashKey, HashOn

pytestmark = pytest.mark.contract

DEVIATIONS = 4.0
BY_USER = HashKey(HashOn.HEADER, "x-user")


def weighted(w: World, weights: Sequence[int]) -> list[Share]:
    shares = w.rotation(*(f"web-{number}" for number in range(len(weights))))
    return [replace(s, weight=weight) for s, weight in zip(shares, weights, strict=True)]


def shares_of(counts: Counter[str]) -> list[float]:
    return [counts[f"web-{n}"] / counts.total() for n in range(len(counts))]


def assert_close(counts: Counter[str], weights: Sequence[int]) -> None:
    total = counts.total()
    for share, weight in zip(shares_of(counts), weights, strict=True):
        fair = weight / sum(weights)
        assert abs(share - fair) <= DEVIATIONS * sqrt(fair * (1 - fair) / total), counts


def test_requests_alternate_under_round_robin(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.ROUND_ROBIN)
        await w.serve("web-0", "web-1")
        async with load(w.entry_port, 8) as running:
            await running.until(400)
        assert_close(running.replicas(), (1, 1))

    run(headway_home, story)


def test_weighted_replicas_get_traffic_in_proportion(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.WEIGHTED)
        await w.serve("web-0", "web-1", "web-2")
        await w.share(weighted(w, (70, 20, 10)))
        await eventually(w.taken)
        async with load(w.entry_port, 4) as running:
            await running.until(1000)
        assert_close(running.replicas(), (70, 20, 10))

    run(headway_home, story)


def test_a_slow_replica_gets_less_under_least_loaded(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        await w.tell("web-1", "/set?pace_ms=100")
        async with load(w.entry_port, 8) as running:
            await running.until(600)
            await eventually(lambda: running.replicas()["web-1"] >= 3)
        counts = running.replicas()
        assert 1.5 * counts["web-1"] < counts["web-0"], counts  # round robin: as many

    run(headway_home, story)


def test_an_idle_newcomer_gets_no_more_than_its_weight_under_least_loaded(
    headway_home: Path,
) -> None:
    """The old ones are busy and it is not: counting open requests would send it far more."""

    async def story(w: World) -> None:
        names = [f"web-{n}" for n in range(4)]
        await w.serve(*names)
        for name in names[:3]:
            await w.tell(name, "/set?pace_ms=30")
        await w.share(weighted(w, (100, 100, 100, 10)))
        await eventually(w.taken)
        async with load(w.entry_port, 24) as running:
            await running.until(1000)
        assert_close(running.replicas(), (100, 100, 100, 10))

    run(headway_home, story)


async def users_of(w: World, count: int) -> dict[str, str]:
    """Which replica each user gets."""
    client = Client(w.entry_port)
    try:
        users = [f"user-{number}" for number in range(count)]
        return {u: (await client.ask(headers={"x-user": u})).replica for u in users}
    finally:
        client.close()


def test_users_keep_their_replica_and_only_those_of_a_leaving_one_move(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.HASH, hash_key=BY_USER)
        names = [f"web-{n}" for n in range(5)]
        await w.serve(*names)
        first = await users_of(w, 200)
        assert Counter(first.values()).keys() == set(names)
        assert await users_of(w, 200) == first
        await w.publish(*names[:4])
        await eventually(lambda: w.healthy(*names[:4]))
        stayed = {user for user, replica in first.items() if replica != "web-4"}
        second = await users_of(w, 200)
        assert set(second.values()) == set(names[:4])
        moved = [user for user in stayed if second[user] != first[user]]
        assert len(moved) <= 0.03 * len(stayed), len(moved)

    run(headway_home, story)


def test_a_replica_that_comes_back_at_another_port_gets_its_own_users_back(
    headway_home: Path,
) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.HASH, hash_key=BY_USER)
        await w.serve("web-0", "web-1", "web-2")
        first = await users_of(w, 60)
        old = w.backends["web-1"]
        await w.backend("web-1")
        w.backends["web-1 before"] = old
        await w.publish("web-0", "web-1", "web-2")
        await eventually(lambda: w.healthy("web-0", "web-1", "web-2"))
        assert await users_of(w, 60) == first

    run(headway_home, story)


def test_a_hot_key_does_not_drown_one_replica(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.HASH, hash_key=HashKey(HashOn.PATH))
        await w.serve("web-0", "web-1", "web-2")
        async with load(w.entry_port, 24, "/slow?ms=10") as running:
            await running.until(600)
        assert running.statuses().keys() == {200}
        # Twice a fair share of what is open is two thirds of all.
        counts = running.replicas()
        assert 0.5 < max(counts.values()) / counts.total() < 0.8, counts

    run(headway_home, story)


@pytest.mark.parametrize(
    ("key", "path", "headers"),
    [
        (HashKey(HashOn.COOKIE, "sid"), "/", {"cookie": "theme=dark; sid=%s"}),
        (HashKey(HashOn.QUERY, "q"), "/?lang=en&q=%s", {}),
        (HashKey(HashOn.PATH), "/of/%s?at=1", {}),
    ],
)
def test_what_a_request_says_decides_its_replica(
    headway_home: Path, key: HashKey, path: str, headers: dict[str, str]
) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.HASH, hash_key=key)
        await w.serve("web-0", "web-1", "web-2")
        client = Client(w.entry_port)
        chosen = []
        for number in (*range(20), *range(20)):
            said = {name: value % number for name, value in headers.items()}
            chosen.append(await client.ask(path.replace("%s", str(number)), headers=said))
        client.close()
        replicas = [answer.replica for answer in chosen]
        assert replicas[:20] == replicas[20:]
        assert set(replicas) == {"web-0", "web-1", "web-2"}
        assert not any("set-cookie" in answer.headers for answer in chosen)

    run(headway_home, story)


def test_users_stick_by_where_they_come_from_and_those_without_a_key_go_anywhere(
    headway_home: Path,
) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.HASH, hash_key=HashKey(HashOn.SOURCE))
        await w.serve("web-0", "web-1", "web-2")
        assert len({(await w.ask()).replica for _ in range(20)}) == 1
        w.describe(hash_key=BY_USER)
        await w.publish("web-0", "web-1", "web-2")
        assert len({(await w.ask()).replica for _ in range(30)}) == 3

    run(headway_home, story)
