"""A summary is only worth something when it cannot flatter."""

from benchmarks.summary import Record, between, describe, longest_outage_ms, percentile, summarize
from hypothesis import given
from hypothesis import strategies as st


def answered(due_s: float, took_s: float = 0.010, status: int = 200) -> Record:
    return Record(f"r-{due_s}", "GET", due_s, due_s + took_s, status)


def lost(due_s: float, error: str = "refused") -> Record:
    return Record(f"r-{due_s}", "GET", due_s, due_s, None, error)


def test_every_request_is_counted_and_failures_are_named_by_kind() -> None:
    seen = summarize([answered(0.0), lost(0.1), lost(0.2, "timeout"), answered(0.3, status=503)])
    assert (seen.sent, seen.ok, seen.failed) == (4, 1, 3)
    assert seen.failed_by_kind == {"503": 1, "refused": 1, "timeout": 1}
    assert [kind for _, _, kind in seen.failures] == ["refused", "timeout", "503"]


def test_latency_counts_from_when_a_request_was_due() -> None:
    late = Record("r-1", "GET", due_s=1.0, end_s=1.5, status=200)
    assert summarize([late]).max_ms == 500.0


def test_a_percentile_is_a_value_that_occurred() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
    assert percentile([], 0.5) is None


def test_an_outage_lasts_from_the_first_to_the_last_failure_in_a_row() -> None:
    records = [answered(0.0), lost(1.0), lost(1.4), answered(2.0), lost(3.0)]
    assert longest_outage_ms(records) == 400.0


def test_a_run_without_a_good_answer_has_no_latency_and_still_a_description() -> None:
    seen = summarize([lost(0.0)])
    assert seen.p99_ms is None
    assert "failed by kind: refused 1" in describe(seen)


def test_a_stretch_of_a_run_holds_what_was_due_in_it() -> None:
    records = [answered(0.0), answered(1.0), answered(2.0)]
    assert between(records, 1.0, 2.0) == [records[1]]


@given(st.lists(st.floats(0, 100), min_size=1), st.lists(st.floats(0, 100)))
def test_good_and_bad_add_up_to_what_was_sent(good: list[float], bad: list[float]) -> None:
    seen = summarize([*map(answered, good), *map(lost, bad)])
    assert seen.ok + seen.failed == seen.sent == len(good) + len(bad)
    assert seen.p50_ms is not None
    assert seen.max_ms is not None
    assert seen.p50_ms <= seen.max_ms
