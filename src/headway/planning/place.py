"""Choose a host for a new replica, and whose turn it is to leave. Placement is ours alone.

Promises (tests/unit/planning/test_place.py): replicas that are wanted lie over hosts in proportion
to their weights or, with `spread: zone`, over zones with a difference of at most one and over the
hosts of each zone; and they still do while old ones give way to new ones and when some must go.

What runs is not moved for the sake of a better spread: a restart costs more than it gains. A host
or zone that joins gets its part with the next start of any kind.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from headway.model.host import Host
from headway.model.ids import HostName
from headway.model.observed import SeenReplica
from headway.model.site import Balance, Service, Spread


class Crowd:
    """How full each host and zone is with the replicas of one service."""

    def __init__(self, service: Service, hosts: Sequence[Host], on: Iterable[HostName]) -> None:
        assert hosts, "an engine reports at least one host"
        self._by_zone = service.spread is Spread.ZONE
        # `weighted` sends more to a heavier host's replicas; giving it more of them as well would
        # count its weight twice.
        by_weight = service.balance is not Balance.WEIGHTED
        self._weights = {h.name: max(h.weight, 0.001) if by_weight else 1.0 for h in hosts}
        self._zones = {host.name: host.zone for host in hosts}
        self._on_host: Counter[HostName] = Counter()
        self._in_zone: Counter[str] = Counter()
        for host in on:
            self.add(host)

    def add(self, host: HostName, count: int = 1) -> None:
        self._on_host[host] += count
        self._in_zone[self._zones.get(host, "")] += count

    def fullness(self, host: HostName) -> tuple[int, float]:
        """Of the place that this host is; compare it with other hosts' only."""
        in_zone = self._in_zone[self._zones.get(host, "")] if self._by_zone else 0
        return in_zone, self._on_host[host] / self._weights.get(host, 1.0)


Level = tuple[tuple[float, float], tuple[float, float]]  # of the zone, then of the host


def _level(host: HostName, first: Crowd, second: Crowd) -> Level:
    """Zones are compared by both crowds before hosts are."""
    (in_zone, on_host), (in_zone_too, on_host_too) = first.fullness(host), second.fullness(host)
    return (in_zone, in_zone_too), (on_host, on_host_too)


def place(hosts: Sequence[Host], crowd: Crowd, staying: Crowd) -> Host:
    """The emptiest; of equals where the fewest are that will stay; then the first by name."""
    return min(hosts, key=lambda h: (_level(h.name, crowd, staying), h.name))


def surplus(
    service: Service,
    occupied: Sequence[SeenReplica],
    hosts: Sequence[Host],
    *,
    keep_count: int,
    worth: Callable[[SeenReplica], int],
) -> list[SeenReplica]:
    """Those beyond `keep_count`, first to go first.

    From the fullest zone, if zones count; then who is worth least (a higher number); then from the
    fullest host; then the highest number. `occupied` is in the order of their numbers.
    """
    crowd = Crowd(service, hosts, (r.process.host for r in occupied))
    # Stable: of equals the last one is that with the highest number.
    queues = _by_host(sorted(occupied, key=worth))

    def first(host: HostName) -> tuple[int, int, float, int]:
        in_zone, on_host = crowd.fullness(host)
        last = queues[host][-1]
        return in_zone, worth(last), on_host, number[last.id]

    number = {replica.id: index for index, replica in enumerate(occupied)}
    chosen: list[SeenReplica] = []
    for _ in range(len(occupied) - keep_count):
        host = max(queues, key=first)
        chosen.append(queues[host].pop())
        _shrink(queues, host, crowd)
    return chosen


def first_to_go(
    service: Service,
    leaving: Sequence[SeenReplica],
    hosts: Sequence[Host],
    *,
    among: Iterable[SeenReplica],
) -> list[SeenReplica]:
    """All of `leaving`, in the order in which the rest of `among` stays spread.

    Always from the fullest place; of equals from that with the most that must leave.
    """
    everybody = Crowd(service, hosts, (r.process.host for r in among))
    old = Crowd(service, hosts, (r.process.host for r in leaving))
    queues = _by_host(reversed(leaving))
    number = {replica.id: index for index, replica in enumerate(leaving)}
    order: list[SeenReplica] = []
    while queues:
        host = max(
            queues,
            key=lambda h: (_level(h, everybody, old), -number[queues[h][-1].id]),
        )
        order.append(queues[host].pop())
        old.add(host, -1)
        _shrink(queues, host, everybody)
    return order


def _by_host(replicas: Iterable[SeenReplica]) -> dict[HostName, list[SeenReplica]]:
    """Grouped, so that a choice looks at hosts and not at every replica."""
    queues: dict[HostName, list[SeenReplica]] = {}
    for replica in replicas:
        queues.setdefault(replica.process.host, []).append(replica)
    return queues


def _shrink(queues: dict[HostName, list[SeenReplica]], host: HostName, crowd: Crowd) -> None:
    crowd.add(host, -1)
    if not queues[host]:
        del queues[host]
