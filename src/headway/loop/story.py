"""Tell what changed between two looks at a service, and what is about to be done, as events."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from headway.model.actor import HEADWAY
from headway.model.event import Event
from headway.model.ids import EnvironmentId, ReplicaId
from headway.model.observed import Phase, SeenReplica
from headway.model.plan import Action, Drain, Forget, Outcome, Start, Stop

TROUBLED = frozenset({Phase.FAILED, Phase.UNREADY})

Life = tuple[ReplicaId, int]  # which replica, which of its lives


def changes(
    environment: EnvironmentId,
    before: Sequence[SeenReplica],
    after: Sequence[SeenReplica],
    now: datetime,
    told_before: Mapping[Life, Phase],
) -> Iterator[Event]:
    """One event for every replica whose phase is another than at the last look.

    `told_before`: what an earlier headwayd has told of them last.
    """
    known = {**told_before, **{(r.id, r.process.incarnation): r.phase for r in before}}
    for replica in after:
        was = known.get((replica.id, replica.process.incarnation))
        # Seen for the first time and not in trouble: either new, which its start has told, or
        # taken over from an earlier headwayd, which is no news.
        if was is replica.phase or (was is None and replica.phase not in TROUBLED):
            continue
        yield Event(
            at=now,
            environment=environment,
            kind=str(replica.phase),
            subject=replica.id,
            text=_told(replica),
            actor=HEADWAY.name,
            data=_facts(replica),
        )


def intentions(
    environment: EnvironmentId, actions: Sequence[Action], now: datetime
) -> Iterator[Event]:
    """What the loop is going to do, with its reason: written before it is done."""
    for action in actions:
        if isinstance(action, Forget):
            continue  # housekeeping; nobody asks for it
        yield Event(
            at=now,
            environment=environment,
            kind=type(action).__name__.lower(),
            subject=action.replica,
            text=action.reason,
            actor=HEADWAY.name,
            data=_named(action),
        )


def failures(
    environment: EnvironmentId, outcomes: Sequence[Outcome], now: datetime
) -> Iterator[Event]:
    for outcome in outcomes:
        if not outcome.ok:
            verb = type(outcome.action).__name__.lower()
            yield Event(
                at=now,
                environment=environment,
                kind="refused",
                subject=outcome.action.replica,
                text=f"{verb} did not happen: {outcome.detail}",
                actor=HEADWAY.name,
                data=_named(outcome.action),
            )


def trouble(environment: EnvironmentId, kind: str, text: str, now: datetime) -> Event:
    return Event(now, environment, kind, str(environment), text, HEADWAY.name, {})


def _told(replica: SeenReplica) -> str:
    if replica.phase is Phase.READY:
        probe = replica.process.probe
        if probe is not None and probe.first_ok_at is not None:
            took_s = (probe.first_ok_at - replica.process.started_at).total_seconds()
            return f"first healthy after {took_s:.1f} s"
    return replica.reason


def _facts(replica: SeenReplica) -> Mapping[str, Any]:
    process = replica.process
    facts: dict[str, Any] = {
        "incarnation": process.incarnation,
        "release": process.release,
        "pid": process.pid,
    }
    if process.exit is not None:
        facts["status"] = process.exit.status
        facts["lived_s"] = round((process.exit.at - process.started_at).total_seconds(), 3)
    if replica.retry_at is not None:
        facts["retry_at"] = replica.retry_at.isoformat()
    return facts


def _named(action: Action) -> dict[str, Any]:
    match action:
        case Start(incarnation=incarnation, release=release, host=host, attempt=attempt):
            return {
                "incarnation": incarnation,
                "release": release,
                "host": host,
                "attempt": attempt,
            }
        case Stop(incarnation=incarnation, grace_s=grace_s):
            return {"incarnation": incarnation, "grace_s": grace_s}
        case Drain(incarnation=incarnation) | Forget(incarnation=incarnation):
            return {"incarnation": incarnation}


def subjects(service: str, replicas: Sequence[SeenReplica]) -> frozenset[str]:
    """Whose events belong to the story of a service."""
    return frozenset({service, *(ReplicaId(r.id) for r in replicas)})
