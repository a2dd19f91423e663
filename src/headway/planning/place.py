"""Choose a host for a new replica. Placement is ours, never the engine's."""

from collections.abc import Mapping, Sequence

from headway.model.host import Host
from headway.model.ids import HostName


def place(hosts: Sequence[Host], load: Mapping[HostName, int]) -> Host:
    """The host with the fewest replicas of this service per unit of weight; ties by name."""
    assert hosts, "an engine reports at least one host"
    return min(hosts, key=lambda h: (load.get(h.name, 0) / max(h.weight, 0.001), h.name))
