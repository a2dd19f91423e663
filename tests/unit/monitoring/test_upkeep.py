"""What happens to blocks as they age, and which of them a question reads."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from headway.monitoring import upkeep
from headway.monitoring.upkeep import (
    DAY_MS,
    HOUR_MS,
    LEVELS,
    MINUTE_MS,
    SLACK_MS,
    BlockId,
    Level,
    Stretch,
)

W = 2 * HOUR_MS


def raw(window: int, number: int, *, cut: bool = False) -> BlockId:
    return BlockId(0, window * W, W, number, cut)


def minutes(window: int, number: int) -> BlockId:
    return BlockId(MINUTE_MS, window * W, W, number)


@given(st.builds(BlockId, *[st.integers(0, 10**12 - 1)] * 4, st.booleans()))
def test_a_block_is_known_by_its_files_name(block: BlockId) -> None:
    assert upkeep.parse_file_name(block.file_name) == block


def test_other_files_are_no_blocks() -> None:
    for name in ("1-2-3-4.block.tmp", "1-2-3.block", "a-2-3-4.block", "x", "1-2-3-4.cut/.."):
        assert upkeep.parse_file_name(name) is None


def test_samples_are_cut_when_they_are_old_or_too_many() -> None:
    assert not upkeep.is_cut_due(None, 10**9, 1, 10**12)
    assert not upkeep.is_cut_due(0, 0, 100, 10 * MINUTE_MS - 1)
    assert upkeep.is_cut_due(0, 0, 100, 10 * MINUTE_MS)
    assert upkeep.is_cut_due(0, 50, 100, 0)


def test_a_window_is_compacted_only_once_it_is_over() -> None:
    cuts = [BlockId(0, 5, 100, 1, cut=True), BlockId(0, 200, 100, 2, cut=True)]
    assert upkeep.to_compact(cuts, LEVELS, W + SLACK_MS - 1) is None
    assert upkeep.to_compact(cuts, LEVELS, W + SLACK_MS) == (tuple(cuts), BlockId(0, 0, W, 0))


def test_what_comes_late_is_compacted_with_what_is_there() -> None:
    there, late = raw(0, 7), BlockId(0, 5, 10, 9, cut=True)
    assert upkeep.to_compact([there], LEVELS, DAY_MS) is None
    assert upkeep.to_compact([late, there], LEVELS, DAY_MS) == ((there, late), BlockId(0, 0, W, 0))


def test_a_whole_block_is_thinned_once() -> None:
    assert upkeep.to_thin([raw(0, 1)], LEVELS, W + SLACK_MS) == (raw(0, 1), minutes(0, 0))
    assert upkeep.to_thin([raw(0, 1), minutes(0, 2)], LEVELS, DAY_MS) is None


def test_a_block_that_was_compacted_again_is_thinned_again() -> None:
    assert upkeep.to_thin([raw(0, 5), minutes(0, 2)], LEVELS, DAY_MS) is not None


def test_nothing_is_dropped_for_its_age_before_the_next_level_has_it() -> None:
    late_ms = 16 * DAY_MS
    assert upkeep.expired([raw(0, 1)], LEVELS, late_ms) == []
    assert upkeep.expired([raw(0, 1), minutes(0, 2)], LEVELS, late_ms) == [raw(0, 1)]
    assert upkeep.expired([raw(0, 1), minutes(0, 2)], LEVELS, 14 * DAY_MS) == []


def test_the_last_level_is_kept_for_ever() -> None:
    block = BlockId(HOUR_MS, 0, 64 * DAY_MS, 1)
    assert upkeep.expired([block], LEVELS, 10**15) == []


def test_for_want_of_disk_the_oldest_of_the_finest_go_first() -> None:
    sizes = {minutes(0, 4): 10, raw(1, 2): 10, raw(0, 1): 10, raw(2, 3): 10}
    assert upkeep.over_budget(sizes, 40) == []
    assert upkeep.over_budget(sizes, 25) == [raw(0, 1), raw(1, 2)]
    assert upkeep.over_budget(sizes, 0)[-1] == minutes(0, 4)


def test_what_a_new_block_was_made_of_is_replaced_by_it() -> None:
    old = [raw(0, 1, cut=True), raw(1, 2)]
    assert upkeep.replaced([*old, raw(0, 3)]) == old[:1]
    assert upkeep.replaced([*old, raw(0, 3, cut=True)]) == []
    assert upkeep.replaced([raw(0, 5, cut=True), raw(0, 3)]) == [], "it came later"


windows = st.sets(st.integers(0, 40), max_size=12)


@given(windows, windows, windows, st.integers(0, 80), st.integers(0, 80))
def test_each_instant_is_read_at_the_finest_level_there_is(
    fine: set[int], coarse: set[int], coarsest: set[int], begin: int, length: int
) -> None:
    levels = [
        (0, fine),
        (MINUTE_MS, coarse),
        (HOUR_MS, coarsest),
    ]
    blocks = [
        BlockId(resolution, window * W, W, number)
        for resolution, some in levels
        for number, window in enumerate(sorted(some), 1)
    ]
    start_ms, end_ms = begin * HOUR_MS, (begin + length) * HOUR_MS
    stretches = upkeep.to_read(blocks, start_ms, end_ms)
    for instant in range(start_ms, end_ms + 1, HOUR_MS):
        readers = [s.block.resolution_ms for s in stretches if s.start_ms <= instant <= s.end_ms]
        having = [resolution for resolution, some in levels if instant // W in some]
        assert readers == having[:1]
    for stretch in stretches:
        assert stretch.block.start_ms <= stretch.start_ms <= stretch.end_ms < stretch.block.end_ms
        assert stretch.end_ms <= end_ms


def test_a_thinned_sample_from_just_before_the_start_is_read_as_well() -> None:
    block = BlockId(HOUR_MS, 0, 64 * DAY_MS, 1)
    assert upkeep.to_read([block], 10 * HOUR_MS, 10 * HOUR_MS) == [
        Stretch(block, 8 * HOUR_MS, 10 * HOUR_MS)
    ]


def test_levels_that_do_not_fit_into_each_other_are_refused() -> None:
    assert upkeep.check(LEVELS) == ""
    assert "resolution 0" in upkeep.check(LEVELS[1:])
    assert "at least" in upkeep.check((Level(0, W, W),))
    assert "multiple" in upkeep.check((LEVELS[0], Level(MINUTE_MS, 3 * HOUR_MS, None)))
    assert "coarser" in upkeep.check((*LEVELS[:2], Level(1000, 8 * DAY_MS, None)))


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 3), st.integers(0, 40)), max_size=25))
def test_whatever_comes_when_upkeep_loses_no_time_at_all(
    arrivals: list[tuple[int, int, int]],
) -> None:
    """Blocks are cut for any windows at any time; every instant is always held by some block."""
    content: dict[BlockId, frozenset[tuple[int, int]]] = {}
    number, now_ms, told = 0, 0, set()
    for serial, (window, count, later_days) in enumerate(arrivals):
        for _ in range(count):
            number += 1
            content[BlockId(0, window * W + number, 100, number, cut=True)] = frozenset(
                {(window, serial)}
            )
            told.add((window, serial))
        now_ms += later_days * DAY_MS
        for _ in range(2000):
            number += 1
            if not step(content, number, now_ms):
                break
        else:
            raise AssertionError("upkeep comes to an end")
        read = {s.block for s in upkeep.to_read(content, 0, 10**15)}
        assert set().union(*(content[block] for block in read), set()) == told


def step(content: dict[BlockId, frozenset[tuple[int, int]]], number: int, now_ms: int) -> bool:
    blocks = list(content)
    for old in upkeep.expired(blocks, LEVELS, now_ms):
        del content[old]
        return True
    together = upkeep.to_compact(blocks, LEVELS, now_ms)
    if together is not None:
        parts, result = together
        held = frozenset().union(*(content.pop(block) for block in parts))
        content[replace(result, number=number)] = held
        return True
    finer = upkeep.to_thin(blocks, LEVELS, now_ms)
    if finer is not None:
        block, result = finer
        new = replace(result, number=number)
        for old in upkeep.replaced([*blocks, new]):
            del content[old]
        content[new] = content[block]
        return True
    return False
