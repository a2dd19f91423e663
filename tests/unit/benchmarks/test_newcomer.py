"""What the newcomer scenario counts, and when it says that a promise was kept."""

from pathlib import Path

import pytest
from benchmarks.newcomer import (
    FAIR,
    OLD,
    Entry,
    Joining,
    Run,
    gentle,
    made_of,
    read,
    unbroken,
    worst_window,
)


def entries(newcomer_per_window: list[int], *, others_per_window: int = 100) -> list[Entry]:
    """From second 10 on, in windows of 100 ms; web-11 had its first good answer then."""
    found = [Entry(10.0, "web-11", "ready")]
    for window, count in enumerate(newcomer_per_window):
        at_s = 10.05 + window * 0.1
        found += [Entry(at_s, "web-11", "request")] * count
        found += [Entry(at_s, "web-1", "request")] * others_per_window
    return found


def run(*shares: float, after: float = 1.0, crashes: int = 0) -> Run:
    return Run(shares, after, crashes, old_crashes=0, arrivals_per_s=1000.0)


def test_a_share_of_one_is_an_eleventh_of_what_arrived_in_the_same_window() -> None:
    found = made_of(entries([0, 10, 20]), "web-11", ramp_s=0.3)
    assert found.shares == pytest.approx((0, 1, 20 / 120 / FAIR))


def test_the_share_afterwards_is_taken_two_seconds_after_the_ramp() -> None:
    # 0.3 s of ramp, 2 s of rest, then the stretch that counts, which has half of a fair share.
    counts = [0] * 3 + [50] * 20 + [5] * 10
    found = made_of(entries(counts, others_per_window=105), "web-11", ramp_s=0.3)
    assert found.after == pytest.approx(5 / 110 / FAIR)


def test_crashes_of_the_newcomer_and_of_others_are_told_apart() -> None:
    crashed = [Entry(11, "web-11", "crash"), Entry(11, "web-3", "crash")]
    found = made_of([*entries([1]), *crashed], "web-11", ramp_s=0.1)
    assert (found.crashes, found.old_crashes) == (1, 1)


def test_a_line_that_is_still_being_written_is_left_out() -> None:
    assert read("2.5 web-1 request\n1.5 web-2 ready\n3.5 web-1 req") == [
        Entry(1.5, "web-2", "ready"),
        Entry(2.5, "web-1", "request"),
    ]


def test_one_run_of_twenty_may_be_unlucky_in_a_window_and_two_may_not() -> None:
    usual = [run(0.1, 0.9)] * 19
    assert worst_window([*usual, run(0.1, 3.0)]) == (0.9, 1)
    assert gentle([*usual, run(0.1, 3.0)]).kept
    assert not gentle([*usual[1:], *[run(0.1, 3.0)] * 2]).kept


def test_a_newcomer_that_never_gets_its_share_breaks_the_promise() -> None:
    assert not gentle([run(0.5, after=0.7)]).kept


def test_no_crash_is_only_worth_something_where_others_crash() -> None:
    sound, broken = run(0.5), run(0.5, crashes=2)
    assert unbroken([sound] * 3, [broken, broken, sound]).kept
    assert not unbroken([sound, sound, broken], [broken] * 3).kept
    assert not unbroken([sound] * 3, [sound, sound, broken]).kept


def test_the_site_asks_for_a_slow_start_and_its_backends_for_a_diary() -> None:
    text = Joining(replicas=OLD, slow_start="3s", crash_above=8).site_yaml(8080, Path("/x/handled"))
    assert "    slow_start: 3s\n" in text
    assert "--diary /x/diary" in text
    assert "--crash-above 8" in text
