"""The bytes that we write say to the real Envoy what we meant by them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.traffic_world import World, eventually, run

from headway.model.rotation import Share
from headway.model.site import Balance, HashKey, HashOn
from headway.testing.builders import seen

pytestmark = pytest.mark.contract

Place = tuple[str, str, int, int, int]  # replica, address, port, weight, step


def share(name: str, address: str, port: int, **how: Any) -> Share:
    replica = seen(name)
    return Share(
        replace(replica, process=replace(replica.process, address=address, port=port)), **how
    )


ROTATION = (
    share("web-0", "127.0.0.1", 1, weight=1),
    share("web-1", "::1", 65535, weight=100_000),
    share("web-2", "127.0.0.9", 300, weight=100, near=False),
)
MEANT = {
    ("web-0", "127.0.0.1", 1, 1, 0),
    ("web-1", "::1", 65535, 100_000, 0),
    ("web-2", "127.0.0.9", 300, 100, 1),
}


async def dumped(w: World) -> list[dict[str, Any]]:
    """Envoy's own account of its endpoints."""
    said = await w.envoy.serving.dump("dynamic_endpoint_configs&include_eds")
    found = [c["endpoint_config"] for c in json.loads(said).get("configs", [])]
    return [config for config in found if config["cluster_name"].startswith("web@")]


def places(config: dict[str, Any]) -> Iterator[Place]:
    for group in config["endpoints"]:
        for member in group.get("lb_endpoints", []):
            where = member["endpoint"]["address"]["socket_address"]
            weight, step = member["load_balancing_weight"], group.get("priority", 0)
            yield (
                member["endpoint"]["hostname"],
                where["address"],
                where["port_value"],
                weight,
                step,
            )


def test_envoy_reads_every_endpoint_as_it_was_meant(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.share(ROTATION)
        await w.envoy.ensure()
        await eventually(w.taken)
        (config,) = await dumped(w)
        assert set(places(config)) == MEANT
        await w.share(ROTATION[2:])
        await eventually(w.taken)
        (config,) = await dumped(w)
        assert set(places(config)) == {place for place in MEANT if place[0] == "web-2"}

    run(headway_home, story)


def test_envoy_reads_the_keys_of_replicas_that_requests_stick_to(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.describe(balance=Balance.HASH, hash_key=HashKey(HashOn.PATH))
        await w.share(ROTATION)
        await w.envoy.ensure()
        await eventually(w.taken)
        (config,) = await dumped(w)
        members = [m for group in config["endpoints"] for m in group.get("lb_endpoints", [])]
        keys = {m["endpoint"]["hostname"]: m["metadata"]["filter_metadata"] for m in members}
        assert keys == {f"web-{i}": {"envoy.lb": {"hash_key": f"web-{i}"}} for i in range(3)}

    run(headway_home, story)
