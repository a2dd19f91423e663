"""Plan the next safe actions for the replicas of one service.

`plan_service` returns the next step, not the whole journey. The loop calls it again after every
observation, so a plan that is cut short, repeated, or made from slightly old news is still safe.
Promises (tests/unit/planning/test_replicas.py):

  safety    we never take a ready replica away if that leaves fewer than `ready_min`;
  restraint we never start past `count + surge_max` processes;
  proof     no ready replica gives way to a release none of whose replicas has become ready,
            except those beyond `count`, which would go in any case;
  progress  if the world keeps up, repeated planning reaches `count` replicas as desired.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from itertools import count, islice

from headway.model.desired import DesiredService
from headway.model.host import Host
from headway.model.ids import HostName, ReplicaId, number_of
from headway.model.observed import ALIVE, Phase, SeenReplica
from headway.model.plan import Action, Drain, Forget, Plan, Start, Stop, Waiting
from headway.model.site import Kind
from headway.planning.place import Crowd, first_to_go, place, surplus

QUIET_S_MIN = 0.3  # Envoy takes an endpoint out within milliseconds; a margin for slow machines
GIVEN_UP_GRACE_S = 1.0  # what has failed has nothing in flight that is worth waiting for


def plan_service(
    desired: DesiredService,
    seen: Iterable[SeenReplica],
    *,
    routed: AbstractSet[ReplicaId],
    hosts: Sequence[Host],
    now: datetime,
) -> Plan:
    """Compare what should run with what was seen; decide what to do next, and why not more."""
    replicas = sorted(seen, key=slot)  # same input, same plan, whatever the order
    occupied = [r for r in replicas if _occupies_slot(desired, r, hosts)]
    beyond = surplus(desired.service, occupied, hosts, keep_count=desired.count, worth=_worth)
    ended, ended_waiting = _finish(desired, replicas, hosts, routed, now)
    drained, drained_waiting = _drain_unwanted(desired, replicas, beyond, hosts)
    started, started_waiting = _start_missing(desired, replicas, occupied, beyond, hosts, now)
    waiting = (*ended_waiting, *drained_waiting, *started_waiting)
    return Plan(
        actions=(*ended, *drained, *started),
        waiting=tuple(Waiting(desired.service.name, reason) for reason in waiting),
        look_again_at=_look_again_at(desired, replicas, now),
    )


def slot(replica: SeenReplica) -> tuple[int, str]:
    """Replicas in the order of their numbers: web-2 before web-10."""
    return number_of(replica.id), replica.id


def _worth(replica: SeenReplica) -> int:
    """Lower is worth more: what serves, then what may serve soon; what has failed costs nothing."""
    rank = {Phase.READY: 0, Phase.DONE: 0, Phase.STARTING: 1, Phase.UNREADY: 1}
    return rank.get(replica.phase, 2)


def is_current(desired: DesiredService, replica: SeenReplica, hosts: Sequence[Host]) -> bool:
    """Is this a life that we want to keep: right release, on one of the site's hosts, not
    restarted away, not drained away?
    """
    process = replica.process
    if process.release != desired.release.id:
        return False
    if all(process.host != host.name for host in hosts):
        return False
    if desired.restart_before is not None and process.started_at < desired.restart_before:
        return False
    return not any(
        replica.id == drained and process.started_at < before for drained, before in desired.drained
    )


def _occupies_slot(desired: DesiredService, replica: SeenReplica, hosts: Sequence[Host]) -> bool:
    """Does it stand for one of the `count` replicas, now or after its next start?"""
    if not is_current(desired, replica, hosts):
        return False
    if replica.phase is Phase.DONE:
        return desired.service.kind is Kind.JOB
    return replica.phase is not Phase.DRAINING and replica.process.draining_since is None


def _finish(
    desired: DesiredService,
    replicas: Sequence[SeenReplica],
    hosts: Sequence[Host],
    routed: AbstractSet[ReplicaId],
    now: datetime,
) -> tuple[list[Action], list[str]]:
    """End what failed and what has drained to its last request; drop the records of the ended."""
    actions: list[Action] = []
    waiting: list[str] = []
    for replica in replicas:
        process, service = replica.process, desired.service.name
        if replica.phase is Phase.FAILED and process.exit is None:
            actions.append(
                Stop(service, replica.id, process.incarnation, GIVEN_UP_GRACE_S, replica.reason)
            )
        elif process.exit is not None and not _occupies_slot(desired, replica, hosts):
            actions.append(Forget(service, replica.id, process.incarnation))
        elif replica.phase is Phase.DRAINING:
            quiet = _quiet(desired, replica, routed, now)
            if quiet is None:
                waiting.append(f"{replica.id} is draining: {_in_flight(replica)}")
            else:
                grace_s = desired.service.drain_s
                actions.append(Stop(service, replica.id, process.incarnation, grace_s, quiet))
    return actions, waiting


def _in_flight(replica: SeenReplica) -> str:
    open_count = replica.process.connections
    return "traffic is leaving" if not open_count else f"{open_count} connections are still open"


def _quiet(
    desired: DesiredService, replica: SeenReplica, routed: AbstractSet[ReplicaId], now: datetime
) -> str | None:
    """Why a draining replica may end now; None while it may not."""
    since = replica.process.draining_since
    assert since is not None
    if now - since >= timedelta(seconds=desired.service.drain_s + QUIET_S_MIN):
        return f"drained for {desired.service.drain_s:g} s, what is left has had its time"
    left = replica.id not in routed and now - since >= timedelta(seconds=QUIET_S_MIN)
    if left and replica.process.connections == 0:
        return "drained, no connection is open"
    return None


def _drain_unwanted(
    desired: DesiredService,
    replicas: Sequence[SeenReplica],
    beyond: Sequence[SeenReplica],
    hosts: Sequence[Host],
) -> tuple[list[Action], list[str]]:
    """Drain old lives, then surplus; spend only the ready capacity we can spare."""
    active = [r for r in replicas if r.phase in ALIVE]
    outdated = [r for r in active if not is_current(desired, r, hosts)]
    over = [r for r in beyond if r.process.exit is not None]

    ready = [r for r in active if r.phase is Phase.READY]
    proven = (
        desired.count == 0
        or desired.surge_max == 0
        or any(is_current(desired, r, hosts) for r in ready)
    )
    unwanted = (*outdated, *(r for r in beyond if r.phase in ALIVE))
    free = [r for r in unwanted if r.phase is not Phase.READY]
    old = [r for r in outdated if r.phase is Phase.READY]
    costly = [
        *first_to_go(desired.service, old, hosts, among=active),
        *(r for r in beyond if r.phase is Phase.READY),
    ]
    # Beyond `count` they give way in any case; if they did not, there might be no room for a proof.
    needed = desired.ready_min if proven else desired.count
    spare_count = max(0, len(ready) - needed)
    why_not = (
        f"{len(ready)} ready, {desired.ready_min} needed"
        if proven
        else f"no replica of {desired.release.id} is ready yet"
    )
    waiting = [f"{r.id} is kept: {why_not}" for r in costly[spare_count:]]
    name = desired.service.name
    drains = [
        Drain(name, r.id, r.process.incarnation, _why_unwanted(desired, r, hosts))
        for r in (*free, *costly[:spare_count])
    ]
    return [*drains, *(Forget(name, r.id, r.process.incarnation) for r in over)], waiting


def _why_unwanted(desired: DesiredService, replica: SeenReplica, hosts: Sequence[Host]) -> str:
    process = replica.process
    if process.release != desired.release.id:
        return f"{process.release} gives way to {desired.release.id}"
    if all(process.host != host.name for host in hosts):
        return f"host {process.host} is not described any more"
    if not is_current(desired, replica, hosts):
        return "asked by a person"
    return f"only {desired.count} wanted"


def _start_missing(
    desired: DesiredService,
    replicas: Sequence[SeenReplica],
    occupied: Sequence[SeenReplica],
    beyond: Sequence[SeenReplica],
    hosts: Sequence[Host],
    now: datetime,
) -> tuple[list[Action], list[str]]:
    """Start again what failed, when its time has come, then what is missing; within `surge_max`."""
    running = [r for r in replicas if r.process.exit is None]
    room_count = max(0, desired.count + desired.surge_max - len(running))
    leaving = {r.id for r in beyond}
    wanted = [r for r in occupied if r.id not in leaving]
    ended = [r for r in wanted if r.phase is Phase.FAILED and r.process.exit is not None]
    due = [r for r in ended if r.retry_at is None or r.retry_at <= now]
    waiting = [f"{r.id} restarts {_later(r, now)}: {r.reason}" for r in ended if r not in due]

    missing_count = max(0, desired.count - len(occupied))
    taken = {r.id for r in replicas}
    names = (ReplicaId(f"{desired.service.name}-{number}") for number in count(1))
    fresh = list(islice((name for name in names if name not in taken), missing_count))

    again: list[tuple[ReplicaId, SeenReplica | None]] = [(r.id, r) for r in due]
    to_start = [*again, *((name, None) for name in fresh)][:room_count]
    starts = _placed(desired, to_start, replicas, wanted, hosts)
    late_count = len(due) + len(fresh) - len(starts)
    if late_count:
        waiting.append(f"{late_count} more start when others have ended")
    return starts, waiting


def _placed(
    desired: DesiredService,
    to_start: Iterable[tuple[ReplicaId, SeenReplica | None]],
    replicas: Iterable[SeenReplica],
    wanted: Iterable[SeenReplica],
    hosts: Sequence[Host],
) -> list[Action]:
    """Each where there is most room; those that leave already or have ended take none."""
    service = desired.service
    crowd = Crowd(service, hosts, (r.process.host for r in replicas if r.phase in ALIVE))
    staying = Crowd(service, hosts, (r.process.host for r in wanted if r.phase in ALIVE))
    starts: list[Action] = []
    for name, before in to_start:
        host = place(hosts, crowd, staying).name
        crowd.add(host)
        staying.add(host)
        starts.append(_start(desired, name, host, after=before))
    return starts


def _later(replica: SeenReplica, now: datetime) -> str:
    assert replica.retry_at is not None
    wait_s = (replica.retry_at - now).total_seconds()
    return f"in {wait_s:.1f} s (attempt {replica.next_attempt + 1})"


def _start(
    desired: DesiredService, name: ReplicaId, host: HostName, *, after: SeenReplica | None
) -> Start:
    return Start(
        service=desired.service.name,
        replica=name,
        incarnation=after.process.incarnation + 1 if after else 1,
        release=desired.release.id,
        host=host,
        attempt=after.next_attempt if after else 0,
        reason=f"again: {after.reason}" if after else f"{desired.count} wanted",
        launch=desired.launch,
    )


def _look_again_at(
    desired: DesiredService, replicas: Sequence[SeenReplica], now: datetime
) -> datetime | None:
    times = [r.check_again_at for r in replicas if r.check_again_at is not None]
    for replica in replicas:
        since = replica.process.draining_since
        if replica.phase is Phase.DRAINING and since is not None:
            times.append(since + timedelta(seconds=QUIET_S_MIN))
            times.append(since + timedelta(seconds=desired.service.drain_s + QUIET_S_MIN))
    return min((t for t in times if t > now), default=None)
