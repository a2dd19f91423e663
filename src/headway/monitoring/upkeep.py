"""What to do with blocks of samples as they age: cut, compact, thin out, drop; and which to read.

Each decision is a plain function of the blocks there are, the levels and the time. A block covers
one window of time of one level and never reaches beyond it, so buckets and windows always fit into
each other. Whatever was cut short is simply found due again.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

HEAD_MS = 10 * MINUTE_MS  # how long samples stay in memory
SLACK_MS = MINUTE_MS  # how long after a window's end its blocks are left alone
REACH = 2  # a thinned sample speaks for at most this many of its resolutions


@dataclass(frozen=True, slots=True)
class Level:
    """How finely samples are kept for how long."""

    resolution_ms: int  # 0: as they were taken
    window_ms: int  # what one block covers in the end
    keep_ms: int | None  # None: for ever


LEVELS = (
    Level(0, 2 * HOUR_MS, 15 * DAY_MS),
    Level(MINUTE_MS, DAY_MS, 90 * DAY_MS),
    Level(5 * MINUTE_MS, 8 * DAY_MS, 730 * DAY_MS),
    Level(HOUR_MS, 64 * DAY_MS, None),
)


def check(levels: Sequence[Level]) -> str:
    """Why levels cannot work; empty when they can."""
    if not levels or levels[0].resolution_ms != 0:
        return "the first level keeps samples as they were taken (resolution 0)"
    for level in levels:
        if level.keep_ms is not None and level.keep_ms < 2 * level.window_ms:
            hours = 2 * level.window_ms // HOUR_MS
            return f"samples of {level.resolution_ms} ms must be kept for {hours} h at least"
    for finer, coarser in pairwise(levels):
        if coarser.window_ms % finer.window_ms or finer.window_ms % coarser.resolution_ms:
            return "each level's window must be a multiple of the one before, and of its resolution"
        if coarser.resolution_ms <= finer.resolution_ms:
            return "each level must be coarser than the one before"
    return ""


_FILE = re.compile(r"(\d{1,12})-(\d{1,15})-(\d{1,12})-(\d{1,12})\.(block|cut)")


@dataclass(frozen=True, slots=True, order=True)
class BlockId:
    """`[start_ms, start_ms + length_ms)` of one level; later blocks have higher numbers."""

    resolution_ms: int
    start_ms: int
    length_ms: int
    number: int
    cut: bool = False  # as it came from memory; others may tell of the same time

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.length_ms

    @property
    def file_name(self) -> str:
        kind = "cut" if self.cut else "block"
        return f"{self.resolution_ms}-{self.start_ms}-{self.length_ms}-{self.number}.{kind}"


def parse_file_name(text: str) -> BlockId | None:
    found = _FILE.fullmatch(text)
    if found is None:
        return None
    *numbers, kind = found.groups()
    resolution_ms, start_ms, length_ms, number = map(int, numbers)
    return BlockId(resolution_ms, start_ms, length_ms, number, kind == "cut")


def replaced(blocks: Iterable[BlockId]) -> list[BlockId]:
    """What a later block holds as well: it was made of them, and an end came in between."""
    every = list(blocks)
    made = [block for block in every if not block.cut]
    return [
        old
        for old in every
        if any(
            new.number > old.number
            and new.resolution_ms == old.resolution_ms
            and new.start_ms <= old.start_ms
            and old.end_ms <= new.end_ms
            for new in made
        )
    ]


def is_cut_due(oldest_ms: int | None, head_bytes: int, head_bytes_max: int, now_ms: int) -> bool:
    """At half of what memory may hold, so that the other half takes what comes meanwhile."""
    if oldest_ms is None:
        return False
    return head_bytes * 2 >= head_bytes_max or now_ms - oldest_ms >= HEAD_MS


def to_compact(
    blocks: Iterable[BlockId], levels: Sequence[Level], now_ms: int
) -> tuple[tuple[BlockId, ...], BlockId] | None:
    """Blocks of one window that should become one, and that one (its number is yet to be given)."""
    every = list(blocks)
    for index, level in enumerate(levels):
        finer = levels[index - 1] if index else None
        for start_ms, found in sorted(_windows(every, level).items()):
            end_ms = start_ms + level.window_ms
            if now_ms < end_ms + SLACK_MS:
                continue
            # A block that covers a window must hold all of it: finer ones are dropped for that.
            if finer is not None and _has_unthinned(every, finer, level, start_ms, end_ms):
                continue
            if len(found) > 1 or found[0].cut or found[0].length_ms != level.window_ms:
                return tuple(sorted(found, key=lambda b: b.number)), BlockId(
                    level.resolution_ms, start_ms, level.window_ms, 0
                )
    return None


def to_thin(
    blocks: Sequence[BlockId], levels: Sequence[Level], now_ms: int
) -> tuple[BlockId, BlockId] | None:
    """A whole block of which the next level has nothing, or something older; and what it gives."""
    for finer, coarser in pairwise(levels):
        for block in sorted(b for b in blocks if b.resolution_ms == finer.resolution_ms):
            whole = not block.cut and block.length_ms == finer.window_ms
            over = now_ms >= block.end_ms + SLACK_MS
            if whole and over and not _thinned(block, coarser, blocks):
                result = BlockId(coarser.resolution_ms, block.start_ms, block.length_ms, 0)
                return block, result
    return None


def expired(blocks: Sequence[BlockId], levels: Sequence[Level], now_ms: int) -> list[BlockId]:
    """What is older than its level keeps, and is there in the next one."""
    found = []
    for index, level in enumerate(levels):
        if level.keep_ms is None:
            continue
        coarser = levels[index + 1] if index + 1 < len(levels) else None
        for block in blocks:
            if block.resolution_ms != level.resolution_ms:
                continue
            old = block.end_ms < now_ms - level.keep_ms
            if old and (coarser is None or _thinned(block, coarser, blocks)):
                found.append(block)
    return found


def over_budget(sizes: Mapping[BlockId, int], bytes_max: int) -> list[BlockId]:
    """What must go so that the rest has room: the finest first, of these the oldest."""
    excess = sum(sizes.values()) - bytes_max
    found = []
    for block in sorted(sizes):  # by resolution, then by time
        if excess <= 0:
            break
        found.append(block)
        excess -= sizes[block]
    return found


@dataclass(frozen=True, slots=True)
class Stretch:
    """Read this block from start to end, both in."""

    block: BlockId
    start_ms: int
    end_ms: int


def to_read(blocks: Iterable[BlockId], start_ms: int, end_ms: int) -> list[Stretch]:
    """The finest level that there is for each instant, and never two; ordered by time.

    Of thinned levels also what lies a little before the start: it still speaks for it.
    """
    found: list[Stretch] = []
    covered: list[tuple[int, int]] = []  # by finer levels; [start, end)
    ordered = sorted(blocks)
    for resolution_ms in sorted({block.resolution_ms for block in ordered}):
        level = [block for block in ordered if block.resolution_ms == resolution_ms]
        from_ms = start_ms - REACH * resolution_ms
        for block in level:
            for begin, end in _uncovered(block.start_ms, block.end_ms, covered):
                first, last = max(begin, from_ms), min(end - 1, end_ms)
                if first <= last:
                    found.append(Stretch(block, first, last))
        covered = _merged([*covered, *((b.start_ms, b.end_ms) for b in level)])
    return sorted(found, key=lambda s: (s.start_ms, s.block.number))


def _uncovered(start: int, end: int, covered: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    left = []
    for begin, stop in covered:
        if stop <= start:
            continue
        if begin >= end:
            break
        if begin > start:
            left.append((start, begin))
        start = max(start, stop)
    if start < end:
        left.append((start, end))
    return left


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _windows(blocks: Iterable[BlockId], level: Level) -> dict[int, list[BlockId]]:
    windows: dict[int, list[BlockId]] = {}
    for block in blocks:
        if block.resolution_ms == level.resolution_ms:
            start_ms = block.start_ms // level.window_ms * level.window_ms
            windows.setdefault(start_ms, []).append(block)
    return windows


def _has_unthinned(
    blocks: Sequence[BlockId], finer: Level, level: Level, start_ms: int, end_ms: int
) -> bool:
    return any(
        b.resolution_ms == finer.resolution_ms
        and start_ms <= b.start_ms < end_ms
        and not _thinned(b, level, blocks)
        for b in blocks
    )


def _thinned(block: BlockId, coarser: Level, blocks: Sequence[BlockId]) -> bool:
    """Made after the block itself: a block that was compacted again is thinned again."""
    return not block.cut and any(
        b.resolution_ms == coarser.resolution_ms
        and b.start_ms <= block.start_ms
        and block.end_ms <= b.end_ms
        and b.number > block.number
        for b in blocks
    )
