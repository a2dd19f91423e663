"""The hosts of a site that runs on one machine: the machine itself, or the places it is cut into.

Described hosts are places to rehearse a larger geometry on. Each stands for a part of the machine
in proportion to its weight; a place without one counts as 1. Nothing holds a process to its part.
"""

from collections.abc import Sequence
from math import fsum

from headway.model.host import Host
from headway.model.site import DescribedHost

WEIGHT_DEFAULT = 1.0


def hosts_of(machine: Host, described: Sequence[DescribedHost]) -> tuple[Host, ...]:
    """In the order given, which is that of their names; Envoy stands on the first."""
    if not described:
        return (machine,)
    weights = [WEIGHT_DEFAULT if d.weight is None else d.weight for d in described]
    whole = fsum(weights)
    return tuple(
        Host(
            name=place.name,
            zone=place.zone,
            address=machine.address,
            cpu=machine.cpu * weight / whole,
            memory_bytes=int(machine.memory_bytes * weight / whole),
            weight=weight,
        )
        for place, weight in zip(described, weights, strict=True)
    )
