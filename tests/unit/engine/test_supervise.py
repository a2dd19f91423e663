"""What `judge` promises about the facts of one service's processes."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from headway.engine.supervise import (
    BACKOFF_S_MAX,
    LAST_KEPT_S,
    RAN_WELL_S,
    SUSPECT_S_MAX,
    UNHEALTHY_S_MAX,
    backoff_s,
    judge,
)
from headway.model.observed import Exit, Phase, Process
from headway.model.site import Kind
from headway.testing.builders import NOON, after, heard, process, service


def failing(replica: str, since: datetime) -> Process:
    return process(replica, probe=heard(ok=False, since=since))


def healthy(replica: str) -> Process:
    return process(replica, probe=heard(ok=True))


def test_a_replica_that_was_never_healthy_is_starting_and_gets_no_traffic() -> None:
    (judged,) = judge(service(), [process("web-1")], after(1))
    assert (judged.phase, judged.in_rotation) == (Phase.STARTING, False)


def test_a_replica_that_is_not_healthy_in_its_time_to_start_has_failed_and_says_what_it_heard() -> (
    None
):
    probe = heard(ok=False, answer="connection refused", first_ok_at=None)
    (judged,) = judge(service(start_s=30), [process("web-1", probe=probe)], after(30))
    assert judged.phase is Phase.FAILED
    assert judged.reason == "never healthy in 30 s: connection refused"


def test_a_healthy_replica_is_ready_and_in_rotation() -> None:
    (judged,) = judge(service(), [healthy("web-1")], after(1))
    assert (judged.phase, judged.in_rotation) == (Phase.READY, True)


def test_one_replica_of_three_that_fails_its_check_leaves_rotation_and_is_given_up_later() -> None:
    seen = [failing("web-1", NOON), healthy("web-2"), healthy("web-3")]
    early = judge(service(), seen, after(1))
    assert (early[0].phase, early[0].in_rotation) == (Phase.UNREADY, False)
    late = judge(service(), seen, after(UNHEALTHY_S_MAX))
    assert late[0].phase is Phase.FAILED


def test_a_single_replica_that_hangs_is_replaced_although_it_is_all_there_is() -> None:
    (judged,) = judge(service(), [failing("web-1", NOON)], after(UNHEALTHY_S_MAX))
    assert judged.phase is Phase.FAILED


def test_the_last_one_in_rotation_stays_there_for_a_moment_after_a_failed_check() -> None:
    starting = process("web-2")
    early = judge(service(), [failing("web-1", NOON), starting], after(1))
    assert (early[0].phase, early[0].in_rotation) == (Phase.UNREADY, True)
    assert "nobody else is left" in early[0].reason
    assert early[0].check_again_at == after(LAST_KEPT_S)
    late = judge(service(), [failing("web-1", NOON), starting], after(LAST_KEPT_S))
    assert not late[0].in_rotation


def test_when_most_fail_at_once_the_check_is_suspect_and_all_stay_in_rotation() -> None:
    seen = [failing("web-1", NOON), failing("web-2", after(0.5)), healthy("web-3")]
    judged = judge(service(), seen, after(60))
    assert all(r.in_rotation for r in judged)
    assert Phase.FAILED not in {r.phase for r in judged}
    assert "suspect" in judged[0].reason


def test_half_of_the_replicas_failing_is_not_enough_for_suspicion() -> None:
    seen = [failing("web-1", NOON), healthy("web-2")]
    assert not judge(service(), seen, after(1))[0].in_rotation


def test_a_suspect_check_is_doubted_no_longer_than_agreed_then_one_replica_is_replaced() -> None:
    seen = [failing(f"web-{n}", NOON) for n in (1, 2, 3)]
    judged = judge(service(), seen, after(SUSPECT_S_MAX))
    assert [r.phase for r in judged] == [Phase.FAILED, Phase.UNREADY, Phase.UNREADY]
    assert "unhealthy for over" in judged[0].reason


def test_no_second_replica_is_given_up_while_the_first_is_being_replaced() -> None:
    newcomer = process("web-1", started_at=after(SUSPECT_S_MAX))
    seen = [newcomer, failing("web-2", NOON), failing("web-3", NOON)]
    judged = judge(service(), seen, after(SUSPECT_S_MAX + 5))
    assert [r.phase for r in judged] == [Phase.STARTING, Phase.UNREADY, Phase.UNREADY]


def test_an_exit_with_status_0_is_a_failure_of_a_service_and_says_what_a_job_is() -> None:
    ended = replace(process("web-1"), exit=Exit(after(1), 0))
    (judged,) = judge(service(), [ended], after(1))
    assert judged.phase is Phase.FAILED
    assert "kind: job" in judged.reason


def test_a_job_that_exits_with_0_is_done_and_with_1_has_failed() -> None:
    job = service(kind=Kind.JOB)
    ended = [replace(process(f"web-{n}"), exit=Exit(after(1), n)) for n in (0, 1)]
    assert [r.phase for r in judge(job, ended, after(1))] == [Phase.DONE, Phase.FAILED]


def test_what_ends_after_a_drain_has_ended_as_asked_whatever_its_status() -> None:
    ended = replace(healthy("web-1"), draining_since=after(1), exit=Exit(after(2), -9))
    (judged,) = judge(service(), [ended], after(3))
    assert judged.phase is Phase.DONE


def test_a_replica_that_ran_well_is_started_again_at_once() -> None:
    ended = replace(healthy("web-1"), exit=Exit(after(RAN_WELL_S), -9))
    (judged,) = judge(service(), [ended], after(RAN_WELL_S))
    assert (judged.retry_at, judged.next_attempt) == (after(RAN_WELL_S), 0)


def test_a_replica_that_fails_early_again_and_again_waits_longer_each_time() -> None:
    waits = []
    for attempt in range(6):
        ended = replace(process("web-1", attempt=attempt), exit=Exit(after(0.1), 1))
        (judged,) = judge(service(), [ended], after(0.1))
        assert judged.retry_at is not None
        waits.append((judged.retry_at - after(0.1)).total_seconds())
    assert waits == sorted(waits)
    assert waits[0] < 0.25
    assert waits[-1] > 1.0


def test_a_replica_that_listens_to_the_world_is_refused_with_the_address() -> None:
    public = replace(healthy("web-1"), objection="listens on 0.0.0.0:8080")
    (judged,) = judge(service(), [public], after(1))
    assert (judged.phase, judged.reason) == (Phase.FAILED, "listens on 0.0.0.0:8080")


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_back_off_lies_between_half_and_all_of_its_step_and_never_above_the_limit(
    incarnation: int, attempt: int
) -> None:
    wait_s = backoff_s("web-1", incarnation=incarnation, attempt=attempt)
    step_s = min(BACKOFF_S_MAX, 0.1 * 2.0 ** min(attempt, 20))
    assert step_s / 2 <= wait_s <= step_s


def test_back_off_of_two_replicas_that_died_together_differs() -> None:
    first, second = (backoff_s(f"web-{n}", incarnation=1, attempt=5) for n in (1, 2))
    assert first != second


def test_what_we_ended_because_it_failed_says_why_and_not_by_which_signal() -> None:
    probe = heard(ok=False, answer="connection refused", first_ok_at=None)
    given_up = replace(
        process("web-1", probe=probe), stopping_since=after(30), exit=Exit(after(31), -9)
    )
    (judged,) = judge(service(start_s=30), [given_up], after(31))
    assert judged.reason == "never healthy in 30 s: connection refused"
