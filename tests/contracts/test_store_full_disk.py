"""A real file system without room: samples are refused in words, nothing half-written remains."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from headway.model.errors import StorageFullError
from headway.monitoring.io.store import Limits, Store
from headway.monitoring.series import NAME, Labels, Matcher, MatchOp

pytestmark = pytest.mark.contract

BEGIN_MS = 1_700_006_400_000
LABELS: list[Labels] = [{NAME: "noise", "n": str(n)} for n in range(100)]
ALL = (Matcher(NAME, MatchOp.EQUAL, "noise"),)


@pytest.fixture
def small_disk(tmp_path: Path, not_run: Callable[[str], NoReturn]) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        not_run("only root may mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def ingest(store: Store, first: int, rows: int) -> int:
    """Samples of noise, which nothing shortens; how many rows were acknowledged."""
    feed = store.feed({"job": "web"})
    chance = np.random.default_rng(first)
    for row in range(first, first + rows):
        store.append(feed, BEGIN_MS + row * 1000, LABELS, chance.normal(size=len(LABELS)))
        try:
            store.commit()
        except StorageFullError:
            return row - first
    return rows


def seen(store: Store) -> int:
    return sum(len(group.times_ms) for group in store.select(ALL, 0, 1 << 60))


def test_a_full_disk_refuses_loudly_keeps_what_is_there_and_goes_on_with_room(
    small_disk: Path,
) -> None:
    told: list[str] = []
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_200_000))
    store = Store(small_disk / "store", Limits(), told.append)
    try:
        taken = ingest(store, 0, 5000)
        assert 0 < taken < 5000
        assert seen(store) == taken
        assert ingest(store, 10_000, 5) == 0, "still full, and still in words"
        with pytest.raises(StorageFullError) as refused:
            store.cut()
        assert "make room" in refused.value.remedy
        assert seen(store) == taken, "what could not be cut is still answered with"
        assert list((small_disk / "store" / "blocks").iterdir()) == [], "nothing half-written"
        ballast.unlink()
        assert ingest(store, 20_000, 50) == 50
        assert store.figures.samples_refused == 2 * len(LABELS)
        store.close()
        store = Store(small_disk / "store", Limits(), told.append)
        assert told == [], "what was refused left no trace in the log"
        store.cut()
        assert seen(store) == taken + 50
    finally:
        store.close()
    again = Store(small_disk / "store", Limits(), told.append)
    assert seen(again) == taken + 50
    again.close()
    assert told == []
