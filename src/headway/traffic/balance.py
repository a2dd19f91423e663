"""How much of a service's traffic each of its replicas gets, and when that changes by itself.

Promises (tests/unit/traffic/test_balance.py):

  a newcomer's share grows step by step from a small part of a fair one to all of it (`warmth.py`);
  it holds: however many are new, whatever their ages, nobody gets more than `CROWDED_MAX` times
  his fair share; the newcomers then begin with more instead. All new at once are all equal;
  the fair share is the same for all, or under `weighted` as the weights say, whichever numbers
  the replicas have come to after some replacements;
  with `spread: zone` the zone of Envoy carries the traffic for as long as it has enough warm
  replicas; then every zone does, and the reason is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from math import ceil, fsum

from headway.model.desired import DesiredService
from headway.model.host import Host
from headway.model.ids import ReplicaId, number_of
from headway.model.observed import SeenReplica
from headway.model.rotation import FULL_WEIGHT, Share
from headway.model.site import Balance, Service, Spread
from headway.traffic.warmth import Warmth, last_step, step_of, warmth

CROWDED_MAX = 1.25
# Envoy's own rule for spilling over: a zone that has lost more than this cannot carry its load.
OVERPROVISIONED = 1.4
# Between the smallest and the largest share. Envoy adds up the weights of one place in 32 bits.
WEIGHT_RATIO_MAX = 1000.0


@dataclass(frozen=True, slots=True)
class Rotation:
    shares: tuple[Share, ...]
    look_again_at: datetime | None = None  # when time alone changes the shares; None: never
    spilled: str = ""  # why traffic does not stay in Envoy's zone; "": it does, or need not


def share_out(
    desired: DesiredService,
    in_rotation: Sequence[SeenReplica],
    *,
    hosts: Sequence[Host],
    now: datetime,
) -> Rotation:
    service = desired.service
    step = step_of(service.slow_start_s)
    moment = last_step(step, now)
    warm = warmth(in_rotation, service.slow_start_s, moment)
    fair = _fair(service, in_rotation, hosts)
    near, spilled = _near(desired, in_rotation, hosts, warm)
    weights: dict[ReplicaId, int] = {}
    for group in (near, {r.id for r in in_rotation} - near):
        # Envoy divides what goes to a zone among that zone's replicas alone.
        weights |= _weights({name: fair[name] for name in group}, warm)
    return Rotation(
        tuple(Share(r, weights[r.id], r.id in near) for r in in_rotation),
        moment + step if any(part < 1 for part in warm.values()) else None,
        spilled,
    )


def _fair(
    service: Service, in_rotation: Sequence[SeenReplica], hosts: Sequence[Host]
) -> dict[ReplicaId, float]:
    """The part of each when everybody is warm, in any unit."""
    if service.balance is not Balance.WEIGHTED:
        return {r.id: 1.0 for r in in_rotation}
    if not service.weights:
        of_host = {host.name: host.weight for host in hosts}
        return {r.id: of_host.get(r.process.host, 1.0) for r in in_rotation}
    # By their order and not by their numbers: whoever replaces replica 1 has another number.
    in_order = sorted((number_of(r.id), r.id) for r in in_rotation)
    described = chain(service.weights, repeat(service.weights[-1]))
    return {name: weight for (_, name), weight in zip(in_order, described, strict=False)}


def _weights(fair: Mapping[ReplicaId, float], warm: Warmth) -> dict[ReplicaId, int]:
    """Integers for Envoy: `FULL_WEIGHT` for the smallest fair share when it is warm."""
    if not fair:
        return {}
    held = _held(fair, warm)
    largest = max(fair.values())
    top = FULL_WEIGHT * min(WEIGHT_RATIO_MAX, largest / min(fair.values()))
    # Rounded up: what a cold one gets too much by that, the warm ones get too little.
    return {
        name: max(1, ceil(top * part / largest * held[name] - 1e-6)) for name, part in fair.items()
    }


def _held(fair: Mapping[ReplicaId, float], warm: Warmth) -> dict[ReplicaId, float]:
    """Bring the cold ones nearer to the warmest, until nobody's share is crowded.

    The warmest gets `warmest / mean` of a fair share, so the mean must not be lower than
    `warmest / CROWDED_MAX`. For m warm ones and k that are equally cold that means a part of at
    least `((m + k) / CROWDED_MAX - m) / k` for each of those.
    """
    warmest = max(warm[name] for name in fair)
    mean = fsum(part * warm[name] for name, part in fair.items()) / fsum(fair.values())
    lacking = warmest - mean
    room = warmest * (1 - 1 / CROWDED_MAX)
    kept = min(1.0, room / lacking) if lacking > 0 else 1.0
    return {name: 1 - kept * (1 - warm[name] / warmest) for name in fair}


def _near(
    desired: DesiredService,
    in_rotation: Sequence[SeenReplica],
    hosts: Sequence[Host],
    warm: Warmth,
) -> tuple[set[ReplicaId], str]:
    """Who is asked first, and why that is everybody although zones were asked for."""
    everybody = {r.id for r in in_rotation}
    zones = {host.name: host.zone for host in hosts}
    zone_count = len(set(zones.values()))
    if desired.service.spread is not Spread.ZONE or zone_count < 2 or not in_rotation:
        return everybody, ""
    home = hosts[0].zone  # Envoy stands on the first host
    near = {r.id for r in in_rotation if zones.get(r.process.host) == home}
    planned = max(1, desired.count // zone_count)
    # Cold ones count for as much as they can carry: a zone is not left to its newcomers.
    if fsum(warm[name] for name in near) * OVERPROVISIONED >= planned:
        return near, ""
    cold_count = sum(warm[name] < 1 for name in near)
    warming = f", {cold_count} of them warming up" if cold_count else ""
    return everybody, (
        f"zone {home} cannot carry its traffic alone ({len(near)} of {planned} in rotation there"
        f"{warming}), so every zone does"
    )
