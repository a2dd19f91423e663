"""The store of samples: what was committed is answered with, whatever happens to it meanwhile."""

import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.unit.monitoring.store_world import (
    ALL,
    BEGIN_MS,
    EVER,
    Samples,
    Web,
    asked,
    kept,
    key,
    limits,
    named,
    opened,
)

from headway.model.errors import StorageError, StorageFullError
from headway.monitoring.io.store import Store
from headway.monitoring.series import NAME, STALE, Hint, Labels, Matcher, MatchOp, is_stale
from headway.monitoring.upkeep import HOUR_MS, MINUTE_MS, Level

TARGETS = [{"job": "web", "instance": f"host-{n}"} for n in range(3)]
LABELS: list[Labels] = [
    {NAME: "requests_total", "path": "/a"},
    {NAME: "requests_total", "path": "/b"},
    {NAME: "load"},
    {NAME: "odd", "instance": "told"},  # collides with the target's identity
    {NAME: "load", "zone": "ä\x00\xff"},
]
VALUES = st.one_of(
    st.integers(0, 1000).map(float),
    st.floats(allow_nan=False),
    st.just(float("nan")),
    st.just(STALE),
    st.just(-0.0),
)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # one failure in its own words is enough
ONLY_RAW = (Level(0, 2 * HOUR_MS, None),)


class StoreAgainstDictionary(RuleBasedStateMachine):
    """Append, commit, reopen, cut, compact in any order; a dictionary says what must be there."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.told: list[str] = []
        self.now_ms = BEGIN_MS
        self.committed: Samples = {}
        self.waiting: list[tuple[tuple[tuple[str, str], ...], int, float]] = []
        self.open()

    def open(self) -> None:
        self.store = Store(self.folder, limits(levels=ONLY_RAW), self.told.append)
        self.feeds = [self.store.feed(base) for base in TARGETS]

    @rule(
        who=st.integers(0, 2),
        later_ms=st.sampled_from([1, 999, 1000, 5000, MINUTE_MS, 90 * MINUTE_MS]),
        values=st.lists(VALUES, min_size=1, max_size=len(LABELS)),
    )
    def append(self, who: int, later_ms: int, values: list[float]) -> None:
        self.now_ms += later_ms
        labels = LABELS[: max(len(values), len(self.feeds[who].known))]
        row = np.full(len(labels), STALE)
        row[: len(values)] = values
        taken = self.store.append(self.feeds[who], self.now_ms, labels, row)
        assert not taken.late
        for told, value in zip(labels, row, strict=True):
            if not is_stale(np.array([value])).any():
                base = TARGETS[who]
                moved = {("exported_" + k if k in base else k): v for k, v in told.items()}
                self.waiting.append((key({**base, **moved}), self.now_ms, float(value)))

    @rule()
    def commit(self) -> None:
        self.store.commit()
        self.now_counts()

    def now_counts(self) -> None:
        for series, at_ms, value in self.waiting:
            self.committed.setdefault(series, {})[at_ms] = value
        self.waiting = []

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.now_counts()
        self.open()

    @rule()
    def end_without_a_word(self) -> None:
        """Like kill -9: what was not committed is gone."""
        self.store.state.log.close()
        self.store.state.folder.close()
        self.waiting = []
        self.open()

    @rule()
    def cut(self) -> None:
        self.store.cut()
        self.now_counts()

    @rule()
    def take_care(self) -> None:
        if "cut" in kept(self.store, self.now_ms):
            self.now_counts()

    @rule(back_ms=st.integers(0, 5 * HOUR_MS), length_ms=st.integers(0, 5 * HOUR_MS))
    def ask(self, back_ms: int, length_ms: int) -> None:
        start_ms = self.now_ms - back_ms
        end_ms = start_ms + length_ms
        within = {
            series: {at: v for at, v in samples.items() if start_ms <= at <= end_ms}
            for series, samples in self.committed.items()
        }
        expected = {series: samples for series, samples in within.items() if samples}
        found = asked(self.store, ALL, start_ms, end_ms)
        assert repr(sorted_all(found)) == repr(sorted_all(expected))

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.take_care()
            self.ask(int(self.now_ms), int(self.now_ms))
            assert self.told == []
            self.store.close()
            shutil.rmtree(self.folder)


def sorted_all(samples: Samples) -> Sequence[object]:
    return sorted((series, sorted(told.items())) for series, told in samples.items())


TestStoreAgainstDictionary = StoreAgainstDictionary.TestCase
TestStoreAgainstDictionary.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, phases=PHASES
)


def test_what_is_not_committed_is_not_answered_with(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        feed = store.feed({"job": "web"})
        store.append(feed, BEGIN_MS, [{NAME: "load"}], np.array([1.0]))
        assert asked(store) == {}
        assert store.commit() == 1
        assert asked(store) != {}


def test_a_series_that_ended_is_marked_across_blocks(tmp_path: Path) -> None:
    """Otherwise an instant would see its last value for another five minutes."""
    labels: list[Labels] = [{NAME: "load"}, {NAME: "up"}]
    with opened(tmp_path) as store:
        feed = store.feed({"job": "web"})
        store.append(feed, BEGIN_MS, labels, np.array([1.0, 1.0]))
        store.cut()
        store.append(feed, BEGIN_MS + 1000, labels, np.array([STALE, 1.0]))
        store.cut()
        (group,) = store.select(named("load"), *EVER)
        assert group.times_ms.tolist() == [BEGIN_MS, BEGIN_MS + 1000]
        assert is_stale(group.values).tolist() == [[False, True]]


def test_a_whole_target_that_ended_is_marked_across_blocks(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        feed = store.feed({"job": "web"})
        store.append(feed, BEGIN_MS, [{NAME: "load"}], np.array([1.0]))
        store.cut()
        store.append(feed, BEGIN_MS + 1000, [{NAME: "load"}], np.array([STALE]))
        store.cut()
        (group,) = store.select(named("load"), *EVER)
        assert is_stale(group.values).tolist() == [[False, True]]


def test_a_row_that_comes_late_or_twice_is_refused_and_counted(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        feed = store.feed({"job": "web"})
        for at_ms in (5000, 5000, 4000):
            store.append(feed, BEGIN_MS + at_ms, [{NAME: "load"}], np.array([float(at_ms)]))
        store.commit()
        assert list(asked(store).values()) == [{BEGIN_MS + 5000: 5000.0}]
        assert store.figures.rows_late == 2


def test_a_target_that_was_silent_for_long_is_forgotten_and_may_come_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        feed = store.feed({"job": "web"})
        for round_ in range(2):
            at_ms = BEGIN_MS + round_ * HOUR_MS
            store.append(feed, at_ms, [{NAME: "load"}], np.array([1.0]))
            for _ in range(3):
                store.cut()
            assert store.state.head.targets == {}
        assert [len(samples) for samples in asked(store).values()] == [2]


def test_an_explosion_of_labels_is_refused_with_bounded_memory(tmp_path: Path) -> None:
    told: list[str] = []
    with opened(tmp_path, told, series_per_target=100, series_per_service=150) as store:
        good = store.feed({"service": "web", "instance": "good"})
        store.append(good, BEGIN_MS, [{NAME: "load"}], np.array([1.0]))
        bad = store.feed({"service": "web", "instance": "bad"})
        labels: list[Labels] = [{NAME: "hits_total", "user": str(n)} for n in range(20_000)]
        for second in range(1, 4):
            values = np.full(len(labels), float(second))
            taken = store.append(bad, BEGIN_MS + second * 1000, labels, values)
            assert (taken.samples, taken.refused) == (100, 19_900)
        store.append(good, BEGIN_MS + 4000, [{NAME: "load"}], np.array([2.0]))
        store.commit()
        assert store.memory_bytes < 1 << 20
        assert len(asked(store, named("hits_total"))) == 100
        assert len(asked(store, named("load"))) == 1
        other = store.feed({"service": "web", "instance": "other"})
        assert store.append(other, BEGIN_MS, labels[:60], np.ones(60)).refused == 11
        assert [line.count("refused") for line in told] == [1]
        assert "service web" in told[0]


def test_series_that_are_gone_make_room_for_new_ones(tmp_path: Path) -> None:
    with opened(tmp_path, series_per_target=10) as store:
        feed = store.feed({"job": "web"})
        old: list[Labels] = [{NAME: "load", "release": f"r{n}"} for n in range(10)]
        new: list[Labels] = [{NAME: "load", "release": f"s{n}"} for n in range(10)]
        both = np.concatenate([np.full(10, STALE), np.ones(10)])
        store.append(feed, BEGIN_MS, old, np.ones(10))
        assert store.append(feed, BEGIN_MS + 1, [*old, *new], both).refused == 10
        store.cut()
        store.append(feed, BEGIN_MS + 2, [*old, *new], both)
        store.cut()
        assert store.append(feed, BEGIN_MS + 3, [*old, *new], both).refused == 0


def test_labels_of_absurd_length_are_refused(tmp_path: Path) -> None:
    labels: list[Labels] = [{NAME: "load", "text": "x" * 20_000}, {NAME: "load"}]
    with opened(tmp_path, []) as store:
        taken = store.append(store.feed({"job": "web"}), BEGIN_MS, labels, np.ones(2))
        assert (taken.samples, taken.refused) == (1, 1)


def test_memory_that_is_full_refuses_loudly_and_goes_on_after_a_cut(tmp_path: Path) -> None:
    web = Web(counters=50)
    with opened(tmp_path, memory_bytes=200_000) as store:
        with pytest.raises(StorageFullError, match="memory"):
            web.fill(store, 1000, every_ms=1000)
        assert store.memory_bytes < 400_000
        assert kept(store, BEGIN_MS) == ["cut"]
        assert store.memory_bytes < 2000
        web.fill(store, 10, begin_ms=BEGIN_MS + HOUR_MS, every_ms=1000)


def test_a_second_store_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StorageError, match="in use by another"):
        Store(tmp_path, limits(), lambda _: None)
    with opened(tmp_path):
        pass  # after it was closed anybody may


def test_one_asks_for_series_names_and_values(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        Web(counters=2).fill(store, 3, every_ms=1000)
        store.cut()
        Web(base={"job": "db", "instance": "b:1"}).fill(store, 3, every_ms=1000)
        web = (Matcher("job", MatchOp.EQUAL, "web"),)
        assert len(store.series(web, *EVER)) == 4
        assert store.label_names(web, *EVER) == [NAME, "instance", "job", "path"]
        assert store.label_values("job", ALL, *EVER) == ["db", "web"]
        assert store.label_values("path", web, *EVER) == ["/0", "/1"]
        assert store.series(web, 0, 1000) == []


@pytest.mark.parametrize(
    ("matchers", "count"),
    [
        ((Matcher("path", MatchOp.EQUAL, "/1"),), 2),
        ((Matcher("path", MatchOp.NOT_EQUAL, "/1"), *named("requests_total")), 4),
        ((Matcher("path", MatchOp.EQUAL, ""),), 4),
        ((Matcher("job", MatchOp.MATCHES, "d.|x"), *named("load")), 1),
        ((Matcher("nothing", MatchOp.MATCHES_NOT, ".+"), *named("load")), 2),
        ((Matcher("job", MatchOp.EQUAL, "mail"),), 0),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_matchers_mean_the_same_in_memory_and_on_disk(
    tmp_path: Path, matchers: tuple[Matcher, ...], count: int, *, cut: bool
) -> None:
    with opened(tmp_path) as store:
        for base in ({"job": "web", "instance": "a"}, {"job": "db", "instance": "b"}):
            Web(base=base).fill(store, 5, every_ms=1000)
        if cut:
            store.cut()
        assert len(asked(store, matchers)) == count


def test_the_greatest_of_old_samples_is_the_greatest_there_was(tmp_path: Path) -> None:
    """A peak between two samples that were kept is not forgotten."""
    levels = (Level(0, 2 * HOUR_MS, 4 * HOUR_MS), Level(MINUTE_MS, 24 * HOUR_MS, None))
    with opened(tmp_path, levels=levels) as store:
        Web().fill(store, 1440, every_ms=5000)
        range_ms = 10 * MINUTE_MS
        start_ms, end_ms = BEGIN_MS + HOUR_MS, BEGIN_MS + HOUR_MS + range_ms - 1
        (raw,) = store.select(named("load"), start_ms, end_ms)
        kept(store, BEGIN_MS + 20 * HOUR_MS)
        for function, figure in (("max_over_time", np.max), ("min_over_time", np.min)):
            hint = Hint(function, range_ms)
            (old,) = store.select(named("load"), start_ms, end_ms, hint)
            inside = old.times_ms >= start_ms
            assert old.resolution_ms == MINUTE_MS
            assert inside.sum() == 10
            assert figure(old.values[:, inside]) == figure(raw.values)
        hint = Hint("avg_over_time", range_ms)
        (old,) = store.select(named("load"), start_ms, end_ms, hint)
        inside = old.times_ms >= start_ms
        assert np.isclose(old.values[:, inside].mean(), raw.values.mean())


def test_a_question_during_upkeep_sees_every_committed_sample(tmp_path: Path) -> None:
    """Samples move from memory to blocks and on to greater blocks; never are they nowhere."""
    told: list[str] = []
    steps: list[str] = []
    done = threading.Event()
    with opened(tmp_path, told, memory_bytes=20_000, levels=ONLY_RAW) as store:

        def keep_up() -> None:
            while not done.is_set():
                steps.append(store.maintain(BEGIN_MS + 9000 * HOUR_MS))

        upkeep = threading.Thread(target=keep_up)
        upkeep.start()
        try:
            feed = store.feed({"job": "web"})
            for row in range(9000):
                at_ms = BEGIN_MS + row * 20 * MINUTE_MS
                store.append(feed, at_ms, LABELS[:3], np.array([1.0, 2.0, 3.0]) * row)
                store.commit()
                found = asked(store)
                assert {len(samples) for samples in found.values()} == {row + 1}
                if steps.count("cut") >= 20 and steps.count("compact") >= 10:
                    break
        finally:
            done.set()
            upkeep.join()
        assert steps.count("compact") >= 10, "there was upkeep to do"
    assert told == []
