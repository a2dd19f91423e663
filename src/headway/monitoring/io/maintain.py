"""Upkeep of a store: cut, mend, compact, thin out, drop, one step per call, beside the ingest.

`maintain` belongs into a thread of its own. It reads and writes blocks at its own pace and holds
the store's locks only while names change hands. A step that was cut short leaves nothing behind and
is found due again; a block appears under its name when it is whole, and only then what it was made
of goes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeAlias

from headway.monitoring import upkeep
from headway.monitoring.downsample import thinned
from headway.monitoring.head import Span, split
from headway.monitoring.io.folder import in_words
from headway.monitoring.io.shelf import Reader
from headway.monitoring.io.state import State
from headway.monitoring.parts import Key, Part, key_of, united
from headway.monitoring.upkeep import BlockId

Freeze: TypeAlias = Callable[[], tuple[int, list[Span]]]


def maintain(state: State, freeze: Freeze, now_ms: int) -> str:
    """Do what is due most; a word for it, empty when nothing was. Raises StorageError."""
    with state.upkeep:
        return _step(state, freeze, now_ms)


def _step(state: State, freeze: Freeze, now_ms: int) -> str:
    blocks, levels = list(state.shelf.sizes), state.limits.levels
    with state.lock:
        head, limit_bytes = state.head, state.limits.memory_bytes
        is_full = upkeep.is_cut_due(head.oldest_ms, head.size_bytes, limit_bytes, now_ms)
    # First what gives room: a cut needs some.
    excess = upkeep.over_budget(state.shelf.sizes, state.limits.disk_bytes)
    if excess:
        state.shelf.remove(excess)
        state.tell(
            f"{len(excess)} blocks up to {excess[-1].end_ms} were dropped before their time: "
            f"samples may take {state.limits.disk_bytes >> 20} MiB of disk"
        )
        return "drop"
    old = upkeep.expired(blocks, levels, now_ms)
    if old:
        state.shelf.remove(old)
        return "expire"
    if is_full or state.damaged_segments:
        cut(state, freeze)
        return "cut"
    if state.shelf.damaged:
        mend(state, next(iter(state.shelf.damaged)))
        return "mend"
    together = upkeep.to_compact(blocks, levels, now_ms)
    if together is not None:
        compact(state, *together)
        return "compact"
    finer = upkeep.to_thin(blocks, levels, now_ms)
    if finer is not None:
        thin(state, *finer)
        return "thin"
    return ""


def cut(state: State, freeze: Freeze) -> None:
    """The newest samples go to blocks, and the log that held them goes."""
    through, spans = freeze()
    window_ms = state.limits.levels[0].window_ms
    starts = sorted({start for span in spans for start in _windows(span, window_ms)})
    written = []
    for start_ms in starts:
        first, last = _extent(spans, start_ms, window_ms)
        block = BlockId(0, first, last + 1 - first, 0, cut=True)
        # Only the last one may say that the log is not needed any more.
        segment = through if start_ms == starts[-1] else 0
        parts = _windowed(spans, start_ms, window_ms)
        written.append(state.shelf.write(block, parts, segment))
    with state.lock:
        for block, size_bytes in written:
            state.shelf.add(block, size_bytes)
        state.head.frozen = [span for span in state.head.frozen if span not in spans]
    _drop_log(state, through)


def _drop_log(state: State, through: int) -> None:
    while state.damaged_segments:
        path = state.damaged_segments.pop()
        with in_words(path):
            state.tell(f"{path} was damaged; kept as {state.folder.set_aside(path)}")
    with in_words(state.folder.log):
        state.log.drop(through)


def compact(state: State, blocks: Sequence[BlockId], result: BlockId) -> None:
    """Several blocks as one: fewer files, longer frames, fewer bytes."""
    with ExitStack() as open_ones:
        readers = [open_ones.enter_context(state.shelf.reading(block)) for block in blocks]
        segment = max(reader.segment for reader in readers)
        written = state.shelf.write(result, _together(readers), segment)
    _exchange(state, blocks, written)


def thin(state: State, block: BlockId, result: BlockId) -> None:
    """The next level's samples of the same time; the block itself stays until it is too old."""
    with state.shelf.reading(block) as reader:
        parts = (thinned(part, result.resolution_ms) for part in _together([reader]))
        new, size_bytes = state.shelf.write(result, parts, 0)
    older = upkeep.replaced([*state.shelf.sizes, new])
    with state.lock:
        state.shelf.add(new, size_bytes)
    state.shelf.remove(b for b in older if b.resolution_ms == new.resolution_ms)


def mend(state: State, block: BlockId) -> None:
    """What is left of a damaged block is written anew; the block is kept to be looked at."""
    with state.shelf.reading(block) as reader:
        rest = bool(reader.entries())
        if rest:
            written = state.shelf.write(block, _together([reader]), reader.segment)
    if rest:
        with state.lock:
            state.shelf.add(*written)
    aside = state.shelf.set_aside(block)
    state.figures.damages += 1
    state.tell(f"{aside} is damaged; what could be read of it was written anew")


def _exchange(state: State, blocks: Sequence[BlockId], written: tuple[BlockId, int]) -> None:
    damaged = [block for block in blocks if block in state.shelf.damaged]
    with state.lock:
        state.shelf.add(*written, instead_of=blocks)
    for block in damaged:
        state.figures.damages += 1
        state.tell(f"a damaged block is kept as {state.shelf.set_aside(block)}")
    state.shelf.remove(set(blocks) - set(damaged))


def _together(readers: Sequence[Reader]) -> Iterator[Part]:
    """Target by target, so that only one is in memory at a time."""
    places: dict[Key, list[tuple[Reader, int]]] = {}
    for reader in readers:
        for number, entry in enumerate(reader.entries()):
            places.setdefault(key_of(entry.base), []).append((reader, number))
    for found in places.values():
        parts = [reader.whole(reader.entries()[number]) for reader, number in found]
        there = [part for part in parts if part is not None]
        if there:
            yield united(there)


def _windows(span: Span, window_ms: int) -> list[int]:
    return [start_ms for start_ms, _ in split(span, window_ms)]


def _windowed(spans: Sequence[Span], start_ms: int, window_ms: int) -> Iterator[Part]:
    """One part per target, also when it was cut in vain before and has several spans."""
    found: dict[Key, list[Part]] = {}
    for span in spans:
        for start, part in split(span, window_ms):
            if start == start_ms:
                found.setdefault(key_of(span.base), []).append(part)
    for parts in found.values():
        yield united(parts)


def _extent(spans: Sequence[Span], start_ms: int, window_ms: int) -> tuple[int, int]:
    times = [
        part.times_ms
        for span in spans
        for start, part in split(span, window_ms)
        if start == start_ms
    ]
    return min(int(t[0]) for t in times), max(int(t[-1]) for t in times)
