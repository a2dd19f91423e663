"""From what the loop knows to what the faces show. Pure; words for people are chosen here."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from headway.api.control import OverrideView, ProbeView, ReplicaView, ServiceView, StatusView
from headway.api.wishes import unreached
from headway.api.words import condition
from headway.engine.supervise import describe_exit
from headway.loop.decide import Step
from headway.loop.turn import Turn, Wanted
from headway.model.desired import DesiredService
from headway.model.host import Host
from headway.model.ids import ReplicaId, ServiceName
from headway.model.observed import Phase, Process, SeenReplica
from headway.model.override import Change, DrainReplica, LogAt, Override, RestartBefore, ScaleTo
from headway.model.site import Kind
from headway.planning.replicas import is_current, slot
from headway.planning.resolve import in_force

CRASH_LOOP_ATTEMPTS = 3  # failed lives in a row after which nobody should wait any longer

# Worst first: what a person wants to hear about when several things are true at once.
PHASES_BY_CONCERN = (
    Phase.FAILED,
    Phase.UNREADY,
    Phase.STARTING,
    Phase.STOPPING,
    Phase.DRAINING,
    Phase.DONE,
    Phase.READY,
)


def service_view(
    step: Step,
    *,
    turn: Turn,
    wanted: Wanted,
    failures: Mapping[ReplicaId, SeenReplica],
    tails: Mapping[ReplicaId, tuple[str, ...]],
) -> ServiceView:
    wish = step.desired
    replicas = sorted(step.replicas, key=slot)
    done_phase = Phase.DONE if wish.service.kind is Kind.JOB else Phase.READY
    settled = turn.wanted is wanted and _is_settled(step, done_phase)
    failed = not settled and any(
        _has_failed(r, failures.get(r.id)) for r in replicas if is_current(wish, r, step.hosts)
    )
    return ServiceView(
        name=wish.service.name,
        kind=wish.service.kind,
        desired_count=wish.count,
        ready_count=sum(r.phase is done_phase for r in replicas),
        phases=Counter(r.phase for r in replicas),
        release=wish.release.id,
        replicas=tuple(
            replica_view(r, step.hosts, failures.get(r.id), tails.get(r.id, ())) for r in replicas
        ),
        settled=settled,
        failed=failed,
        reason="" if settled else _reason(step, failures),
        waiting=_waiting(step, turn),
        overrides=tuple(
            override_views(wanted.overrides, wish.service.name, turn.at, unreached(replicas))
        ),
    )


def unseen_view(wish: DesiredService) -> ServiceView:
    """A service that no turn of the loop has looked at yet."""
    return ServiceView(
        name=wish.service.name,
        kind=wish.service.kind,
        desired_count=wish.count,
        ready_count=0,
        phases={},
        release=wish.release.id,
        replicas=(),
        settled=False,
        failed=False,
        reason="not looked at yet",
    )


def replica_view(
    replica: SeenReplica,
    hosts: Sequence[Host],
    failure: SeenReplica | None,
    tail: tuple[str, ...],
) -> ReplicaView:
    process = replica.process
    ended = process if process.exit is not None else failure.process if failure else None
    return ReplicaView(
        id=replica.id,
        phase=replica.phase,
        reason=replica.reason,
        in_rotation=replica.in_rotation,
        pid=process.pid if process.exit is None and process.pid else None,
        port=process.port if process.exit is None and process.port else None,
        host=process.host,
        zone=next((h.zone for h in hosts if h.name == process.host), ""),
        release=process.release,
        incarnation=process.incarnation,
        restarts=process.attempt,
        started_at=process.started_at,
        retry_at=replica.retry_at if process.exit is not None else None,
        exit=exit_text(ended) if ended is not None and ended.exit is not None else "",
        probe=_probe(process, failure),
        log_tail=tail,
    )


def exit_text(process: Process) -> str:
    """`exited 1 after 0.2 s`."""
    ended = process.exit
    assert ended is not None
    lived_s = max(0.0, (ended.at - process.started_at).total_seconds())
    return f"{describe_exit(ended)} after {_duration(lived_s)}"


def override_views(
    overrides: Iterable[Override],
    service: ServiceName,
    now: datetime,
    deaf: Sequence[ReplicaId] = (),
) -> Iterable[OverrideView]:
    """`deaf`: replicas that cannot be told a log level."""
    alive = [o for o in overrides if o.expires_at > now and o.change.service == service]
    # Of these only the strongest counts; all others add up.
    strongest: dict[type[Change], Override] = {
        type(o.change): o for o in in_force(alive, now) if isinstance(o.change, ScaleTo | LogAt)
    }
    for override in alive:
        first = strongest.get(type(override.change), override)
        if isinstance(first.change, LogAt) and not first.change.level:
            continue  # logs at its own level again: nothing differs from the description
        text = override_text(override)
        if isinstance(override.change, LogAt) and deaf:
            text += f" (not reached: {', '.join(deaf)})"
        yield OverrideView(
            service=service,
            text=text,
            author=override.author,
            reason=override.reason,
            made_at=override.made_at,
            expires_at=override.expires_at,
            blocked_by=override_text(first) if first is not override else "",
        )


def override_text(override: Override) -> str:
    match override.change:
        case LogAt(level=level):
            return f"log level {level or 'its own'}"
        case ScaleTo(count=count):
            return f"scaled to {count}"
        case RestartBefore():
            return "restart of what ran then"
        case DrainReplica(replica=replica):
            return f"{replica} drained"


def summary(view: ServiceView) -> str:
    """One sentence: is it as it should be?"""
    counted = f"{view.ready_count} of {view.desired_count} ready"
    if view.settled:
        return f"{view.name} is as it should be: {counted}"
    if view.failed:
        return f"{view.name} fails: {counted}; {view.reason}"
    return f"{view.name} is not there yet: {counted}; {view.reason}"


def worst(seen: StatusView) -> str:
    """The worst thing of an environment in a few words; "" when all is well."""
    unsettled = sorted((v for v in seen.services if not v.settled), key=lambda v: not v.failed)
    for view in unsettled[:1]:
        return f"{view.name} {view.ready_count}/{view.desired_count}: {view.reason}"
    return seen.trouble[0] if seen.trouble else ""


def _waiting(step: Step, turn: Turn) -> tuple[str, ...]:
    spilled = turn.spilled.get(step.desired.service.name)
    return (*(w.reason for w in step.plan.waiting), *((spilled,) if spilled else ()))


def _is_settled(step: Step, done_phase: Phase) -> bool:
    wish = step.desired
    return (
        not step.plan.actions
        and len(step.replicas) == wish.count
        and all(r.phase is done_phase and is_current(wish, r, step.hosts) for r in step.replicas)
    )


def _has_failed(replica: SeenReplica, failure: SeenReplica | None) -> bool:
    """Not just unlucky: failing again and again, or never healthy in the time it was given."""
    if replica.phase in (Phase.READY, Phase.DONE):
        return False
    attempts = max(replica.process.attempt, replica.next_attempt)
    never_healthy = failure is not None and _never_healthy(failure.process)
    return attempts >= CRASH_LOOP_ATTEMPTS or never_healthy or bool(replica.process.objection)


def _never_healthy(process: Process) -> bool:
    """It was given up before it was ever healthy, rather than ended by itself."""
    given_up = process.stopping_since is not None or process.exit is None
    never = process.probe is None or process.probe.first_ok_at is None
    return given_up and never and process.draining_since is None


def _reason(step: Step, failures: Mapping[ReplicaId, SeenReplica]) -> str:
    for phase in PHASES_BY_CONCERN:
        for replica in sorted(step.replicas, key=slot):
            if replica.phase is not phase:
                continue
            failure = failures.get(replica.id)
            if failure is not None and phase in (Phase.STARTING, Phase.STOPPING):
                return f"{replica.id} failed before: {failure.reason}"
            if phase is not Phase.READY:
                return condition(replica.id, replica.phase, replica.reason)
    if step.plan.waiting:
        return step.plan.waiting[0].reason
    return "its replicas are being started or ended"


def _probe(process: Process, failure: SeenReplica | None) -> ProbeView | None:
    # A new life has hardly been asked yet; what the failed one answered is the evidence.
    heard = failure.process.probe if failure is not None else None
    heard = heard or process.probe
    if heard is None:
        return None
    return ProbeView(heard.ok, heard.asked, heard.answer, heard.tries, heard.since)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
