"""Judge the processes of one service: which may serve, which have failed, when to try again.

Promises (tests/unit/engine/test_supervise.py):

  a process that exited by itself has failed and is tried again, later each time it fails early;
  a process that stays unhealthy has failed, unless the check itself is suspect;
  when more than half of a service fails its check at once the check is suspect: then every replica
  whose process lives stays in rotation and none is given up, for `SUSPECT_S_MAX`; after that one
  at a time, so that a newcomer can show whether the check or the replicas are wrong;
  the last one in rotation stays there for `LAST_KEPT_S` after a failed check: a late answer on a
  busy machine must not empty a service, and nobody else could serve meanwhile.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2s

from headway.model.observed import Exit, Phase, Process, SeenReplica
from headway.model.site import Kind, Service

UNHEALTHY_S_MAX = 10.0  # a replica that was healthy and is not for this long has failed
SUSPECT_S_MAX = 120.0
LAST_KEPT_S = 2.0
RAN_WELL_S = 3.0  # a life that was healthy for this long starts the count of attempts anew
BACKOFF_BASE_S = 0.1
BACKOFF_S_MAX = 30.0


def judge(service: Service, processes: Sequence[Process], now: datetime) -> tuple[SeenReplica, ...]:
    """What each process is, in the order given; same facts and same time, same judgement."""
    suspicion = _suspicion(processes, now)
    judged = tuple(_judge_one(service, process, suspicion, now) for process in processes)
    if suspicion is None:
        return _with_the_last_kept(judged, now)
    if now < suspicion + timedelta(seconds=SUSPECT_S_MAX):
        return judged
    return _give_up_one(judged)


def backoff_s(replica: str, *, incarnation: int, attempt: int) -> float:
    """Seconds to wait before the next life: none after a good one, else doubling with jitter.

    Between half and all of `min(30, 0.1 * 2**attempt)`. The jitter comes from the names, not from
    chance, so that a decision can be replayed.
    """
    if attempt == 0:
        return 0.0
    full_s = min(BACKOFF_S_MAX, BACKOFF_BASE_S * 2.0 ** min(attempt, 20))
    draw = blake2s(f"{replica}/{incarnation}".encode(), digest_size=4).digest()
    return full_s * (0.5 + int.from_bytes(draw) / 2**33)


def describe_exit(ended: Exit) -> str:
    if ended.status is None:
        how = "ended; its exit status is not known, because its keeper was replaced meanwhile"
    elif ended.status < 0:
        how = f"killed by signal {-ended.status}"
    else:
        how = f"exited {ended.status}"
    return f"{how} ({ended.note})" if ended.note else how


def _judge_one(
    service: Service, process: Process, suspicion: datetime | None, now: datetime
) -> SeenReplica:
    if process.exit is not None:
        return _ended(service, process, process.exit)
    if process.stopping_since is not None:
        return SeenReplica(process, Phase.STOPPING, "told to end")
    if process.draining_since is not None:
        return SeenReplica(process, Phase.DRAINING, "traffic is leaving")
    if process.objection:
        return _failed(process, process.objection, at=now)
    if service.kind is Kind.JOB:
        return SeenReplica(process, Phase.READY, "running")
    if process.probe is None or process.probe.first_ok_at is None:
        return _starting(service, process, now)
    if process.probe.ok:
        return SeenReplica(process, Phase.READY, process.probe.answer, in_rotation=True)
    return _unhealthy(service, process, suspicion, now)


def _ended(service: Service, process: Process, ended: Exit) -> SeenReplica:
    if process.draining_since is not None:
        return SeenReplica(process, Phase.DONE, "ended as asked")
    if service.kind is Kind.JOB and ended.status == 0:
        return SeenReplica(process, Phase.DONE, "finished")
    if process.stopping_since is not None:
        # We ended it, because it had failed: that is the news, not the signal we sent.
        return _failed(process, _why_given_up(service, process), at=ended.at)
    reason = describe_exit(ended)
    if service.kind is Kind.SERVICE and ended.status == 0:
        reason += "; a service must keep running (one that runs once is `kind: job`)"
    return _failed(process, reason, at=ended.at)


def _why_given_up(service: Service, process: Process) -> str:
    if process.objection:
        return process.objection
    answer = process.probe.answer if process.probe else "not asked yet"
    if process.probe is None or process.probe.first_ok_at is None:
        return f"never healthy in {service.health.start_s:g} s: {answer}"
    return f"unhealthy for {UNHEALTHY_S_MAX:g} s: {answer}"


def _failed(process: Process, reason: str, *, at: datetime) -> SeenReplica:
    healthy_at = process.probe.first_ok_at if process.probe is not None else None
    ran_well = healthy_at is not None and at - healthy_at >= timedelta(seconds=RAN_WELL_S)
    attempt = 0 if ran_well else process.attempt + 1
    wait_s = backoff_s(process.replica, incarnation=process.incarnation, attempt=attempt)
    retry_at = at + timedelta(seconds=wait_s)
    return SeenReplica(
        process,
        Phase.FAILED,
        reason,
        retry_at=retry_at,
        next_attempt=attempt,
        check_again_at=retry_at,
    )


def _starting(service: Service, process: Process, now: datetime) -> SeenReplica:
    give_up_at = process.started_at + timedelta(seconds=service.health.start_s)
    answer = process.probe.answer if process.probe else "not asked yet"
    if now >= give_up_at:
        return _failed(process, _why_given_up(service, process), at=now)
    return SeenReplica(process, Phase.STARTING, answer, check_again_at=give_up_at)


def _unhealthy(
    service: Service, process: Process, suspicion: datetime | None, now: datetime
) -> SeenReplica:
    assert process.probe is not None
    answer, since = process.probe.answer, process.probe.since
    if suspicion is not None:
        reason = f"{answer}; most of the service fails its check, so the check is suspect"
        look_at = suspicion + timedelta(seconds=SUSPECT_S_MAX)
        return SeenReplica(process, Phase.UNREADY, reason, in_rotation=True, check_again_at=look_at)
    give_up_at = since + timedelta(seconds=UNHEALTHY_S_MAX)
    if now >= give_up_at:
        return _failed(process, _why_given_up(service, process), at=now)
    return SeenReplica(process, Phase.UNREADY, answer, check_again_at=give_up_at)


def _suspicion(processes: Sequence[Process], now: datetime) -> datetime | None:
    """Since when the check is suspect; None when it is not.

    "At once" needs no window of its own: a replica that fails alone is given up after
    `UNHEALTHY_S_MAX`, so more than half failing now began to fail at nearly the same time.
    """
    proven = [
        p.probe
        for p in processes
        if p.exit is None
        and p.stopping_since is None
        and p.draining_since is None
        and p.probe is not None
        and p.probe.first_ok_at is not None
    ]
    failing = sorted(probe.since for probe in proven if not probe.ok and probe.since <= now)
    if len(failing) < 2 or 2 * len(failing) <= len(proven):
        return None
    return failing[len(proven) // 2]  # the moment at which more than half had failed


def _with_the_last_kept(judged: tuple[SeenReplica, ...], now: datetime) -> tuple[SeenReplica, ...]:
    """An empty service helps nobody; Envoy's own check still turns away from what is dead."""
    if any(r.in_rotation for r in judged):
        return judged
    return tuple(_kept(r, now) if r.phase is Phase.UNREADY else r for r in judged)


def _kept(replica: SeenReplica, now: datetime) -> SeenReplica:
    assert replica.process.probe is not None, "unready is said of what was healthy before"
    until = replica.process.probe.since + timedelta(seconds=LAST_KEPT_S)
    if now >= until:
        return replica
    reason = f"{replica.reason}; nobody else is left, so it stays in rotation for a moment"
    return replace(replica, reason=reason, in_rotation=True, check_again_at=until)


def _give_up_one(judged: tuple[SeenReplica, ...]) -> tuple[SeenReplica, ...]:
    """The check has been suspect for too long: replace one replica and see what happens."""
    if any(r.phase in (Phase.STARTING, Phase.STOPPING, Phase.FAILED) for r in judged):
        return judged  # one is on its way already
    unready = [r for r in judged if r.phase is Phase.UNREADY]
    if not unready:
        return judged
    first = min(unready, key=lambda r: r.id)
    assert first.process.probe is not None
    reason = f"unhealthy for over {SUSPECT_S_MAX:g} s: {first.process.probe.answer}"
    given_up = _failed(first.process, reason, at=first.process.probe.at)
    return tuple(given_up if r is first else r for r in judged)
