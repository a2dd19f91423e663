"""Call each decider for one service, in a fixed order, and put their answers together.

Knows every domain and has no opinion of its own: an `if` about replicas belongs to `engine` or
`planning`.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from headway.engine.supervise import judge
from headway.model.desired import DesiredService
from headway.model.host import Host
from headway.model.ids import ReplicaId
from headway.model.observed import Phase, Process, SeenReplica
from headway.model.plan import Plan
from headway.planning.replicas import plan_service


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn made of one service, with what it was made from."""

    desired: DesiredService
    processes: Sequence[Process]
    hosts: Sequence[Host]
    replicas: tuple[SeenReplica, ...]
    plan: Plan
    asleep_until: datetime | None  # None: only a change of the inputs can change the answer
    at_rest: bool  # nothing to do and nothing on its way: safe to keep while inputs are the same


def decide_service(
    desired: DesiredService,
    processes: Sequence[Process],
    *,
    routed: AbstractSet[ReplicaId],
    hosts: Sequence[Host],
    now: datetime,
) -> Step:
    replicas = judge(desired.service, processes, now)
    plan = plan_service(desired, replicas, routed=routed, hosts=hosts, now=now)
    resting = {Phase.READY, Phase.STARTING, Phase.UNREADY, Phase.FAILED, Phase.DONE}
    at_rest = not plan.actions and all(r.phase in resting for r in replicas)
    return Step(desired, processes, hosts, replicas, plan, plan.look_again_at, at_rest)


def still_holds(
    step: Step,
    desired: DesiredService,
    processes: Sequence[Process],
    hosts: Sequence[Host],
    now: datetime,
) -> bool:
    """May the last answer be used again? Whole states are compared; identity makes it cheap."""
    return (
        step.at_rest
        and step.desired is desired
        and (step.processes is processes or step.processes == processes)
        and (step.hosts is hosts or step.hosts == hosts)
        and (step.asleep_until is None or now < step.asleep_until)
    )
