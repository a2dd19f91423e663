"""The arithmetic of the comparison with peers: turns, ratios, and what a fault did to users."""

from collections import Counter

import pytest
from benchmarks.peers.compare import added, in_turns, median_or_none, ratio
from benchmarks.peers.hurt import hurt, last_seen_ms, most_at_once, share
from benchmarks.peers.proc import group_of
from benchmarks.summary import Record
from hypothesis import given
from hypothesis import strategies as st


def answered(due_s: float, took_s: float = 0.005, by: str = "web-1", method: str = "GET") -> Record:
    return Record("r", method, due_s, due_s + took_s, 200, answered_by=by)


def refused(due_s: float, method: str = "GET") -> Record:
    return Record("r", method, due_s, due_s + 0.001, None, error="refused")


@given(st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True), st.integers(0, 9))
def test_every_round_measures_each_candidate_once(names: list[str], rounds: int) -> None:
    turns = Counter(in_turns(names, rounds))
    assert turns == Counter({(number, name): 1 for number in range(rounds) for name in names})


def test_another_candidate_begins_each_round() -> None:
    first = dict(reversed([*in_turns(["a", "b", "c"], 3)]))
    assert first == {0: "a", 1: "b", 2: "c"}


def test_a_ratio_is_taken_within_a_round_so_that_a_slow_machine_cancels_out() -> None:
    assert ratio([2.0, 20.0, 200.0], [1.0, 10.0, 100.0]) == 2.0


def test_rounds_that_only_one_has_do_not_count() -> None:
    assert ratio([2.0, None, 9.0], [1.0, 1.0]) == 2.0


@pytest.mark.parametrize("base", [[0.0], [None], []])
def test_there_is_no_ratio_to_nothing(base: list[float | None]) -> None:
    assert ratio([1.0], base) is None


def test_a_median_leaves_out_what_was_not_measured() -> None:
    assert median_or_none([3.0, None, 1.0, 2.0]) == 2.0
    assert median_or_none([None]) is None


def test_kinds_of_failures_are_added_up_without_the_pages_that_came_with_them() -> None:
    kinds = [{"502 <html> <h1>Bad": 2, "refused": 1}, {"502 <p>": 1}]
    assert added(kinds) == "502 3, refused 1"
    assert added([]) == ""


def test_nobody_was_hurt_when_all_were_answered_in_time() -> None:
    seen = hurt([answered(t / 10) for t in range(20)], 0.5, 1.5)
    assert (seen.gets_failed, seen.posts_failed, seen.slow, seen.mask_ms) == (0, 0, 0, 0.0)
    assert seen.requests == 10


def test_the_trouble_lasts_until_the_last_request_that_failed_or_was_slow() -> None:
    records = [refused(1.0), answered(1.2), answered(1.4, took_s=0.2), answered(1.6)]
    seen = hurt(records, 0.9, 5.0)
    assert seen.mask_ms == 500.0
    assert (seen.gets_failed, seen.slow) == (1, 1)
    assert seen.worst_ms == 200.0


def test_a_request_that_was_on_its_way_at_the_fault_counts_but_does_not_lengthen_it() -> None:
    stuck = Record("r", "POST", 0.9, 5.9, None, error="timeout")
    seen = hurt([stuck, answered(1.1)], 1.0, 4.0)
    assert (seen.posts_failed, seen.mask_ms, seen.by_kind) == (1, 0.0, {"timeout": 1})


def test_what_happened_before_the_fault_or_after_its_time_is_not_its_doing() -> None:
    assert hurt([refused(0.1), refused(9.0)], 1.0, 4.0).requests == 0


def test_a_backend_was_last_seen_when_its_last_request_became_due() -> None:
    records = [answered(0.5), answered(1.25), answered(3.0, by="web-2")]
    assert last_seen_ms(records, "web-1", 1.0) == 250.0
    assert last_seen_ms(records, "web-3", 1.0) == 0.0


def test_a_share_is_of_what_was_answered_in_that_stretch() -> None:
    records = [answered(1.0), answered(1.01, by="web-2"), refused(1.02), answered(1.2)]
    assert share(records, "web-1", 1.0, 0.1) == 0.5
    assert share(records, "web-1", 7.0, 0.1) is None


def test_requests_at_once_are_those_that_overlap() -> None:
    records = [answered(1.0, 0.3), answered(1.1, 0.1), answered(1.25, 0.2)]
    assert most_at_once(records, "web-1") == 2
    assert most_at_once(records, "web-9") == 0


def test_the_group_that_gives_processor_time_is_found_in_either_version_of_control_groups() -> None:
    version_1 = "4:memory:/\n2:cpuacct,cpu:/site/envoy\n0::/other\n"
    assert str(group_of(version_1)) == "/sys/fs/cgroup/cpu/site/envoy"
    assert str(group_of("0::/site/envoy\n")) == "/sys/fs/cgroup/site/envoy"
