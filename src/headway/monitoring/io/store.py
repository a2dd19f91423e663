"""The store of samples: append, commit, ask; for years, in bounded memory, on a bounded disk.

Promises:

- what `commit` has returned for is there after any end of the process, and of the machine when
  `sync` is on; what it refused leaves no trace. Only committed samples are ever answered with.
- damage is found by checksums, told, and set aside. A damaged sample is left out, never changed.
- when there is no room, on the disk or in memory, samples are refused with `StorageFullError`, what
  is stored stays readable, and with room it goes on by itself.
- one process at a time has a store open, and others ask that one. (A second reader would have to
  replay the log and hold the newest samples once more.) Within it, any thread may call anything:
  `append` and `commit` from one, queries and `maintain` from others.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from headway.model.errors import StorageFullError
from headway.monitoring import wal_format
from headway.monitoring.head import Feed, Head, Row, Span
from headway.monitoring.io.folder import Folder, in_words
from headway.monitoring.io.log import Log, segments
from headway.monitoring.io.maintain import cut, maintain
from headway.monitoring.io.select import Question, Snapshot, all_series, groups, in_span
from headway.monitoring.io.shelf import Shelf
from headway.monitoring.io.state import Appended, Figures, Limits, State
from headway.monitoring.replay import Replay
from headway.monitoring.series import Floats, Group, Hint, Labels, Matcher

T = TypeVar("T")

LOOKS_MAX = 5  # a block that is read may be replaced meanwhile; then once more


class Store:
    """Satisfies `Source`."""

    def __init__(self, directory: Path, limits: Limits, tell: Callable[[str], None]) -> None:
        """`tell` hears of damage, of what was dropped, refused and cut, one sentence each."""
        folder = Folder(directory)
        try:
            self.state = _opened(folder, limits, tell)
        except BaseException:
            folder.close()
            raise
        self._dirty: dict[Span, None] = {}
        self._samples = 0
        self._head_bytes = self.state.head.size_bytes
        self._refusing: set[str] = set()  # services whose refusals were told

    def close(self) -> None:
        """Commits first; what cannot be committed is told by the error."""
        try:
            self.commit()
        finally:
            self.state.log.close()
            self.state.folder.close()

    def feed(self, base: Labels, counters: frozenset[str] = frozenset()) -> Feed:
        """For one who appends to a target; `counters`: metrics whose TYPE says so.

        Label sets are known by their place: `labels[i]` of every `append` is the same series.
        """
        with self.state.lock:
            return self.state.head.feed(base, counters)

    def append(self, feed: Feed, at_ms: int, labels: Sequence[Labels], values: Floats) -> Appended:
        """Collect one row: a value, or STALE, for each of all labels told so far."""
        assert len(labels) == len(values), "a value for every series, STALE where it has none"
        state = self.state
        with state.lock:
            if self._head_bytes >= state.limits.memory_bytes:
                state.figures.samples_refused += len(values)
                raise StorageFullError(
                    f"the newest samples fill {state.limits.memory_bytes >> 20} MiB of memory",
                    remedy="they leave it as soon as the disk takes them: is it full or slow?",
                )
            before = feed.target.span.size_bytes
            row = state.head.append(feed, at_ms, labels, values)
            if row is None:
                state.figures.rows_late += 1
                return Appended(0, 0, late=True)
            self._head_bytes += feed.target.span.size_bytes - before
            state.log.add(row)
            self._dirty[row.span] = None
            self._samples += row.samples
        self._count_refused(feed, row)
        return Appended(row.samples, row.refused)

    def commit(self) -> int:
        """Write what was collected; only then is it answered with. The number of samples."""
        with self.state.commits:
            return self._commit()

    def _commit(self) -> int:
        state = self.state
        with state.lock:
            pending, dirty = state.log.take(), [(span, span.filled) for span in self._dirty]
            samples, self._samples = self._samples, 0
            self._dirty = {}
        if not pending:
            return 0
        try:
            state.log.write(pending)
        except BaseException:
            self._take_back([span for span, _ in dirty], samples)
            raise
        with state.lock:
            for span, filled in dirty:
                span.visible = filled
            state.figures.samples += samples
        return samples

    def maintain(self, now_ms: int) -> str:
        """One step of upkeep, in a thread of its own: a word for it, empty when nothing is due.

        Call it every few seconds, and again at once while it finds something.
        """
        step = maintain(self.state, self._freeze, now_ms)
        with self.state.lock:
            self._head_bytes = self.state.head.size_bytes
        return step

    def cut(self) -> None:
        """All samples into blocks now."""
        with self.state.upkeep:
            cut(self.state, self._freeze)
        with self.state.lock:
            self._head_bytes = self.state.head.size_bytes

    def _freeze(self) -> tuple[int, list[Span]]:
        """All samples so far, and the last segment of the log that holds some of them."""
        state = self.state
        with state.commits:
            while True:
                self._commit()
                with state.lock:
                    if not self._dirty:  # somebody may have appended while the disk was busy
                        return state.log.rotate(), list(state.head.freeze())

    def select(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        hint: Hint | None = None,
    ) -> list[Group]:
        question = Question(matchers, start_ms, end_ms, hint)
        return self._looked(question, lambda seen: groups(self.state.shelf, seen, question))

    def series(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Labels]:
        """Labels of every series with samples in that time."""
        question = Question(matchers, start_ms, end_ms)
        return self._looked(
            question, lambda seen: list(all_series(self.state.shelf, seen, question))
        )

    def label_names(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[str]:
        return sorted({name for one in self.series(matchers, start_ms, end_ms) for name in one})

    def label_values(
        self, label: str, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> list[str]:
        found = self.series(matchers, start_ms, end_ms)
        return sorted({one[label] for one in found if label in one})

    @property
    def figures(self) -> Figures:
        return self.state.figures

    @property
    def memory_bytes(self) -> int:
        """What the newest samples take."""
        with self.state.lock:
            return self._head_bytes

    @property
    def disk_bytes(self) -> int:
        log = sum(size for _, size in self.state.log.whole())
        return sum(self.state.shelf.sizes.values()) + log

    def _looked(self, question: Question, look: Callable[[Snapshot], T]) -> T:
        for _ in range(LOOKS_MAX - 1):
            try:
                return look(self._snapshot(question.matchers))
            except FileNotFoundError:
                continue
        return look(self._snapshot(question.matchers))

    def _snapshot(self, matchers: Sequence[Matcher]) -> Snapshot:
        with self.state.lock:
            found = [in_span(span, matchers) for span in self.state.head.spans()]
            return Snapshot(self.state.shelf.sizes, [part for part in found if part is not None])

    def _take_back(self, spans: list[Span], samples: int) -> None:
        state = self.state
        with state.lock:
            state.log.take_back()
            state.head.undo([*spans, *self._dirty])
            state.figures.samples_refused += samples + self._samples
            self._dirty, self._samples = {}, 0

    def _count_refused(self, feed: Feed, row: Row) -> None:
        if not row.refused:
            return
        self.state.figures.series_refused += row.refused
        service = feed.target.service
        if service not in self._refusing:
            self._refusing.add(service)
            who = f"service {service}" if service else f"target {dict(feed.target.base)}"
            self.state.tell(
                f"{who}: {row.refused} new series were refused, what was known goes on; a target "
                f"may have {self.state.limits.series_per_target:,}, a service "
                f"{self.state.limits.series_per_service:,}: look for a label whose values never end"
            )


def _opened(folder: Folder, limits: Limits, tell: Callable[[str], None]) -> State:
    shelf = Shelf(folder, tell)
    head = Head(limits.series_per_target, limits.series_per_service)
    damaged: list[Path] = []
    sequence, last, figures = 0, shelf.segment, Figures()
    found = segments(folder.log)
    for number, path in found:
        last = max(last, number)
        if number <= shelf.segment:
            path.unlink()  # its samples are in blocks
            continue
        replay = _replayed(path, head, is_last=path == found[-1][1], tell=tell)
        sequence = max(sequence, replay.sequence)
        if replay.damages:
            damaged.append(path)
            figures.damages += len(replay.damages)
    for span in head.spans():
        span.visible = span.filled
    log = Log(folder.log, segment=last + 1, sequence=sequence, sync=limits.sync)
    return State(folder, shelf, head, log, limits, tell, figures, damaged)


def _replayed(path: Path, head: Head, *, is_last: bool, tell: Callable[[str], None]) -> Replay:
    with in_words(path):
        data = path.read_bytes()
    replay = Replay(head)
    replay.all(wal_format.records(data))
    torn = replay.damages[-1] if replay.damages else None
    if is_last and torn is not None and torn.end == len(data):
        # What was being written when the process ended; nobody was told that it was there.
        replay.damages.pop()
        with in_words(path), path.open("r+b") as stream:
            stream.truncate(torn.begin)
        tell(f"{path}: its last {torn.end - torn.begin} bytes were not whole and were cut off")
    if replay.damages:
        lost_bytes = sum(damage.end - damage.begin for damage in replay.damages)
        tell(
            f"{path}: {lost_bytes} bytes are damaged; {replay.rows} rows of it could be read, "
            f"{replay.rows_lost} that stand on the damaged part were left out"
        )
    return replay


__all__ = ["Appended", "Figures", "Limits", "Store"]
