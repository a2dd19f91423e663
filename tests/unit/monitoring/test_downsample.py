"""Thinned samples: few, and as good as all of them for what one asks about old times."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitoring.store_world import BEGIN_MS, kept, opened

from headway.monitoring.downsample import thinned
from headway.monitoring.parts import Part, Series, key_of
from headway.monitoring.promql.evaluate import query
from headway.monitoring.promql.setting import Setting
from headway.monitoring.promql.values import Vector
from headway.monitoring.series import NAME, STALE, Floats, Labels, is_stale
from headway.monitoring.upkeep import DAY_MS, HOUR_MS, MINUTE_MS, Level

EVERY_MS = 5000


def part(rows: Floats, *, counters: bool, every_ms: int = EVERY_MS) -> Part:
    labels: list[Labels] = [{NAME: f"m{n}"} for n in range(len(rows))]
    series = [Series(told, key_of(told), counters) for told in labels]
    times = BEGIN_MS + np.arange(rows.shape[1], dtype=np.int64) * every_ms
    return Part({"job": "web"}, series, times, rows)


def grown(values: Floats) -> float:
    """What a counter has counted, restarts included."""
    there = values[~is_stale(values)]
    steps = np.diff(there)
    return float(np.where(steps < 0, there[1:], steps).sum())


steps = st.one_of(st.integers(0, 100), st.just(-1), st.just(-2))  # -1: restart, -2: not told


@given(st.lists(st.lists(steps, min_size=60, max_size=60), min_size=1, max_size=3))
def test_between_samples_that_stay_a_counter_grew_by_exactly_what_it_grew_by(
    told: list[list[int]],
) -> None:
    rows = np.array([_counted(row) for row in told])
    whole = part(rows, counters=True)
    thin = thinned(thinned(whole, 20_000), 60_000)
    assert set(thin.times_ms) <= set(whole.times_ms)
    for row in range(len(rows)):
        ends = np.searchsorted(whole.times_ms, thin.times_ms)
        for n in range(1, len(ends) + 1):
            assert grown(thin.values[row, :n]) == grown(rows[row, : ends[n - 1] + 1])


def _counted(told: list[int]) -> list[float]:
    total, values = 0.0, []
    for step in told:
        if step == -2:
            values.append(STALE)
            continue
        total = 0.0 if step == -1 else total + step
        values.append(total)
    return values


def test_a_quiet_counter_costs_one_sample_a_bucket() -> None:
    rows = np.cumsum(np.ones((50, 1440)), axis=1)
    assert len(thinned(part(rows, counters=True), MINUTE_MS).times_ms) == 1440 // 12 + 1


def test_where_a_series_begins_and_ends_is_kept_to_the_millisecond() -> None:
    rows = np.ones((2, 100))
    rows[1, :33] = rows[1, 47:] = STALE
    thin = thinned(part(rows, counters=False), MINUTE_MS)
    alive = thin.times_ms[~is_stale(thin.values[1])]
    assert alive[0] == BEGIN_MS + 33 * EVERY_MS
    assert alive[-1] == BEGIN_MS + 46 * EVERY_MS


@given(
    st.lists(
        st.one_of(st.floats(-1e6, 1e6), st.just(STALE)),
        min_size=144,
        max_size=144,
    )
)
def test_buckets_of_buckets_say_what_all_samples_say(told: list[float]) -> None:
    rows = np.array([told])
    twice = thinned(thinned(part(rows, counters=False), 20_000), 60_000).buckets
    once = thinned(part(rows, counters=False), 60_000).buckets
    for kind in ("min", "max", "count", "mean"):
        assert (twice[kind].times_ms == once[kind].times_ms).all()
        gone = is_stale(once[kind].values)
        assert (is_stale(twice[kind].values) == gone).all()
        a, b = twice[kind].values[~gone], once[kind].values[~gone]
        assert np.allclose(a, b, rtol=1e-5, atol=0.2) if kind == "mean" else (a == b).all()


def test_a_gauge_that_was_not_a_number_does_not_hide_the_others() -> None:
    rows = np.array([[1.0, np.nan, 3.0]])
    buckets = thinned(part(rows, counters=False), MINUTE_MS).buckets
    assert [buckets[k].values[0, 0] for k in ("min", "max", "count")] == [1.0, 3.0, 3.0]


LEVELS = (
    Level(0, 2 * HOUR_MS, 6 * HOUR_MS),
    Level(MINUTE_MS, DAY_MS, 2 * DAY_MS),
    Level(5 * MINUTE_MS, 8 * DAY_MS, None),
)


@pytest.mark.parametrize("seed", range(4))
def test_increase_over_levels_and_restarts_is_what_all_samples_say(
    tmp_path: Path, seed: int
) -> None:
    """Within 0.1 %: counters of about 200 a minute, restarts, three levels that meet."""
    chance = np.random.default_rng(seed)
    rows = np.cumsum(chance.poisson(17, (2, 4 * 1440 * 3)), axis=1).astype(float)
    for restart in np.sort(chance.choice(rows.shape[1], 9)):
        rows[:, restart:] -= rows[:, restart][:, None]
    times = BEGIN_MS + np.arange(rows.shape[1], dtype=np.int64) * 20_000 + 7
    labels: list[Labels] = [{NAME: "hits_total", "n": str(n)} for n in range(2)]
    end_ms = int(times[-1])
    questions = ("increase(hits_total[3d])", "increase(hits_total[71h])", "rate(hits_total[9h])")
    with opened(tmp_path, levels=LEVELS) as store:
        feed = store.feed({"job": "web"})
        for index, at_ms in enumerate(times.tolist()):
            store.append(feed, at_ms, labels, rows[:, index])
        store.commit()
        before = [answer(query(text, Setting(store, end_ms, end_ms))) for text in questions]
        kept(store, end_ms + HOUR_MS)
        (group,) = store.select((), 0, end_ms)
        assert set(np.unique(group.resolution_ms)) == {0, MINUTE_MS, 5 * MINUTE_MS}
        assert len(group.times_ms) < rows.shape[1] * 0.5
        after = [answer(query(text, Setting(store, end_ms, end_ms))) for text in questions]
        far_ms = end_ms + 12 * DAY_MS
        kept(store, far_ms)
        (group,) = store.select((), 0, end_ms)
        assert set(np.unique(group.resolution_ms)) == {5 * MINUTE_MS}
        later = [answer(query(text, Setting(store, end_ms, end_ms))) for text in questions]
    for one, other in zip(before, after, strict=True):
        assert np.allclose(one, other, rtol=1e-3)
    for one, last in zip(before[:2], later[:2], strict=True):
        assert np.allclose(one, last, rtol=1e-3)


def answer(value: object) -> Floats:
    assert isinstance(value, Vector)
    assert value.present.all()
    return value.values


def test_an_instant_in_old_times_sees_the_sample_that_stands_for_it(tmp_path: Path) -> None:
    labels: list[Labels] = [{NAME: "load"}]
    with opened(tmp_path, levels=LEVELS) as store:
        feed = store.feed({"job": "web"})
        for minute in range(3 * 1440):
            store.append(feed, BEGIN_MS + minute * MINUTE_MS, labels, np.array([float(minute)]))
        store.commit()
        kept(store, BEGIN_MS + 20 * DAY_MS)
        setting = Setting(store, BEGIN_MS, BEGIN_MS + DAY_MS)
        found = query("load", setting, step_ms=61_007)
        assert isinstance(found, Vector)
        assert found.present[:, 5:].all()
        end_ms = BEGIN_MS + 3 * DAY_MS + 10 * MINUTE_MS
        gone = query("load", Setting(store, end_ms, end_ms))
        assert isinstance(gone, Vector)
        assert not gone.present.any(), "what ended is not seen for ever"


def test_a_range_that_is_finer_than_what_was_kept_is_said(tmp_path: Path) -> None:
    with opened(tmp_path, levels=LEVELS) as store:
        feed = store.feed({"job": "web"})
        for second in range(0, 7200, 5):
            at_ms, value = BEGIN_MS + second * 1000, np.array([float(second)])
            store.append(feed, at_ms, [{NAME: "a_total"}], value)
        store.commit()
        kept(store, BEGIN_MS + DAY_MS)
        at_ms = BEGIN_MS + HOUR_MS
        for text, said in (
            ("rate(a_total[30s])", "too short to see two"),
            ("count_over_time(a_total[30m])", "sees only those"),
        ):
            setting = Setting(store, at_ms, at_ms)
            query(text, setting)
            assert any(said in note for note in setting.notes)
        setting = Setting(store, at_ms, at_ms)
        query("increase(a_total[30m])", setting)
        assert not setting.notes
