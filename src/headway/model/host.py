"""A machine that runs replicas."""

from dataclasses import dataclass

from headway.model.ids import HostName


@dataclass(frozen=True, slots=True)
class Host:
    """The local engine reports this machine, or the places that it is described to consist of."""

    name: HostName
    zone: str
    address: str  # where its replicas can be reached from the other hosts
    cpu: float  # cores
    memory_bytes: int
    weight: float  # share of traffic under weighted balancing; cores unless said otherwise
