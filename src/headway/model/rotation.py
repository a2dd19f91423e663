"""Who gets traffic, and how much of it: the last word before Envoy is told."""

from dataclasses import dataclass

from headway.model.observed import SeenReplica

FULL_WEIGHT = 100


@dataclass(frozen=True, slots=True)
class Share:
    """One replica in rotation and its part of its service's traffic."""

    replica: SeenReplica
    weight: int = FULL_WEIGHT  # relative to the weights of its service's other replicas
    near: bool = True  # False: only asked when the near ones cannot carry the load
