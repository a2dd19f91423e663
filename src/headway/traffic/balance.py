"""How much of a service's traffic each of its replicas gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from headway.model.desired import DesiredService
from headway.model.host import Host
from headway.model.observed import SeenReplica
from headway.model.rotation import Share


@dataclass(frozen=True, slots=True)
class Rotation:
    shares: tuple[Share, ...]
    look_again_at: datetime | None = None  # when time alone changes the shares; None: never


def share_out(
    desired: DesiredService,  # noqa: ARG001
    in_rotation: Sequence[SeenReplica],
    *,
    hosts: Sequence[Host],  # noqa: ARG001
    now: datetime,  # noqa: ARG001
) -> Rotation:
    return Rotation(tuple(Share(replica) for replica in in_rotation))
