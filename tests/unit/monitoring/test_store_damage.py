"""Torn and flipped bytes: found, told, set aside; what is left is answered with, never wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from tests.unit.monitoring.store_world import (
    BEGIN_MS,
    Samples,
    Web,
    asked,
    kept,
    limits,
    opened,
)

from headway.model.errors import StorageError, StorageFullError
from headway.monitoring.io.copies import backup, restore
from headway.monitoring.io.folder import write_all, write_whole
from headway.monitoring.io.store import Store
from headway.monitoring.upkeep import HOUR_MS

COMMITS = 130  # more than stand between two rows that stand alone


def fill_by_commits(store: Store, targets: int = 2) -> None:
    webs = [Web(base={"job": "web", "instance": str(n)}, seed=n) for n in range(targets)]
    feeds = [store.feed(web.base) for web in webs]
    every = [web.rows(COMMITS, begin_ms=BEGIN_MS, every_ms=1000) for web in webs]
    for rows in zip(*every, strict=True):
        for web, feed, (at_ms, values) in zip(webs, feeds, rows, strict=True):
            store.append(feed, at_ms, web.labels, values)
        store.commit()


def is_part_of(some: Samples, whole: Samples) -> bool:
    return all(samples.items() <= whole[series].items() for series, samples in some.items())


def count(samples: Samples) -> int:
    return sum(len(told) for told in samples.values())


@pytest.fixture
def log(tmp_path: Path) -> tuple[bytes, Samples]:
    """A segment of the log, and what it says."""
    folder = tmp_path / "whole"
    with opened(folder) as store:
        fill_by_commits(store)
        whole = asked(store)
    return next((folder / "log").iterdir()).read_bytes(), whole


def reopened_with(
    folder: Path, segment: bytes, *, later: bytes | None = None
) -> tuple[Samples, list[str], Path]:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "log").mkdir(parents=True)
    (folder / "log" / "0000000001.wal").write_bytes(segment)
    if later is not None:
        (folder / "log" / "0000000002.wal").write_bytes(later)
    told: list[str] = []
    with opened(folder, told) as store:
        return asked(store), told, folder


def test_a_log_that_was_torn_anywhere_gives_all_commits_before(
    tmp_path: Path, log: tuple[bytes, Samples]
) -> None:
    segment, whole = log
    counts = []
    for size in [*Random(1).sample(range(len(segment)), 60), len(segment)]:
        found, told, folder = reopened_with(tmp_path / "torn", segment[:size])
        assert is_part_of(found, whole)
        assert len(told) <= 1
        counts.append((size, count(found)))
        again: list[str] = []
        with opened(folder, again) as store:
            assert asked(store) == found
        assert again == [], "told once"
    counts.sort()
    assert counts == sorted(counts, key=lambda c: c[1]), "the more bytes, the more samples"
    assert counts[-1][1] == count(whole)


def test_a_flipped_bit_in_the_log_never_gives_a_wrong_value(
    tmp_path: Path, log: tuple[bytes, Samples]
) -> None:
    segment, whole = log
    chance = Random(2)
    for _ in range(60):
        damaged = bytearray(segment)
        at = chance.randrange(len(segment) // 2)
        damaged[at] ^= 1 << chance.randrange(8)
        found, told, _folder = reopened_with(tmp_path / "flipped", bytes(damaged))
        assert is_part_of(found, whole)
        assert count(found) < count(whole)
        assert any("damaged" in line for line in told)


def test_after_damage_the_log_goes_on_with_the_next_rows_that_stand_alone(
    tmp_path: Path, log: tuple[bytes, Samples]
) -> None:
    segment, whole = log
    damaged = bytearray(segment)
    damaged[len(segment) // 4] ^= 1
    found, told, _ = reopened_with(tmp_path / "flipped", bytes(damaged))
    assert count(found) > count(whole) * 0.5
    assert "left out" in told[0]


def test_a_damaged_segment_is_kept_to_be_looked_at_once_its_rest_is_in_a_block(
    tmp_path: Path, log: tuple[bytes, Samples]
) -> None:
    segment, _whole = log
    damaged = bytearray(segment)
    damaged[len(segment) // 4] ^= 1
    found, _, folder = reopened_with(tmp_path / "flipped", bytes(damaged))
    told: list[str] = []
    with opened(folder, told) as store:
        assert kept(store, BEGIN_MS) == ["cut"]
        assert asked(store) == found
    assert [path.name for path in (folder / "damaged").iterdir()] == ["0000000001.wal"]
    with opened(folder, told) as store:
        assert asked(store) == found


def test_a_log_of_anything_at_all_is_survived(tmp_path: Path) -> None:
    chance = Random(3)
    for size in (0, 1, 19, 20, 21, 1000):
        found, _, _ = reopened_with(tmp_path / "noise", chance.randbytes(size), later=b"HwR1" * 9)
        assert found == {}


def damage_of_blocks() -> dict[str, Callable[[bytes, Random], bytes]]:
    def flip(data: bytes, chance: Random) -> bytes:
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return bytes(damaged)

    return {
        "a flipped bit": flip,
        "torn": lambda data, chance: data[: chance.randrange(len(data))],
        "all zero": lambda data, _: bytes(len(data)),
        "empty": lambda _, __: b"",
    }


@pytest.mark.parametrize("kind", damage_of_blocks())
def test_a_damaged_block_leaves_samples_out_and_is_set_aside(tmp_path: Path, kind: str) -> None:
    damage, chance = damage_of_blocks()[kind], Random(4)
    with opened(tmp_path / "whole") as store:
        fill_by_commits(store)
        store.cut()
        whole = asked(store)
    (block,) = (tmp_path / "whole" / "blocks").iterdir()
    data = block.read_bytes()
    for _ in range(25):
        folder, told = tmp_path / "damaged", list[str]()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", folder)
        (folder / "blocks" / block.name).write_bytes(damage(data, chance))
        with opened(folder, told) as store:
            found = asked(store)
            assert is_part_of(found, whole)
            assert count(found) < count(whole)
            assert told, "damage is said"
            kept(store, BEGIN_MS)
            assert asked(store) == found
            assert len(list((folder / "damaged").iterdir())) == 1
        with opened(folder, told := []) as store:
            assert asked(store) == found
        assert told == [], "what is left is whole"


def test_a_block_that_is_cut_short_while_open_ends_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, []) as store:
        fill_by_commits(store)
        store.cut()
        (block,) = (tmp_path / "blocks").iterdir()
        with block.open("r+b") as stream:
            stream.truncate(100)
        assert asked(store) == {}


def test_half_written_files_are_removed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill_by_commits(store)
        store.cut()
        whole = asked(store)
    (tmp_path / "blocks" / "0-0-1-9.cut.tmp").write_bytes(b"half")
    with opened(tmp_path) as store:
        assert asked(store) == whole
    assert len(list((tmp_path / "blocks").iterdir())) == 1


def test_a_file_that_could_not_be_written_whole_is_not_there(tmp_path: Path) -> None:
    def fail(descriptor: int) -> None:
        write_all(descriptor, b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageFullError, match="No space"):
        write_whole(tmp_path / "block", fail)
    assert list(tmp_path.iterdir()) == []


def test_an_end_between_a_new_block_and_the_old_ones_costs_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill_by_commits(store)
        store.cut()
        Web(base={"job": "other"}).fill(store, 10, begin_ms=BEGIN_MS + 500_000, every_ms=1000)
        store.cut()
        before = {path: path.read_bytes() for path in (tmp_path / "blocks").iterdir()}
        assert kept(store, BEGIN_MS + 3 * HOUR_MS)[0] == "compact"
        whole = asked(store)
    for path, data in before.items():
        path.write_bytes(data)
    with opened(tmp_path) as store:
        assert asked(store) == whole
    assert not any(path.exists() for path in before)


def test_an_end_between_a_cut_and_the_log_it_stands_for_costs_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill_by_commits(store)
        (segment,) = (tmp_path / "log").iterdir()
        data = segment.read_bytes()
        store.cut()
        whole = asked(store)
    segment.write_bytes(data)
    with opened(tmp_path) as store:
        assert store.memory_bytes == 0
        assert asked(store) == whole
    assert not segment.exists()


def test_a_backup_of_a_store_in_use_holds_what_was_committed(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        fill_by_commits(store)
        store.cut()
        feed = Web(base={"job": "other"}).fill(store, 10, every_ms=1000)
        whole = asked(store)
        store.append(feed, BEGIN_MS + HOUR_MS, Web().labels, np.ones(5))
        backup(store, tmp_path / "copy")
        with pytest.raises(StorageError, match="there already"):
            backup(store, tmp_path / "copy")
        with pytest.raises(StorageError, match="in use"):
            restore(tmp_path / "copy", tmp_path / "store", lambda _: None)
    with opened(tmp_path / "store") as store:
        Web(base={"job": "later"}).fill(store, 10, every_ms=1000)
    aside = restore(tmp_path / "copy", tmp_path / "store", lambda _: None)
    assert aside is not None
    with opened(tmp_path / "store") as store:
        assert asked(store) == whole
    with opened(aside) as store:
        assert count(asked(store)) > count(whole)


def test_a_damaged_backup_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        fill_by_commits(store)
        store.cut()
        whole = asked(store)
        backup(store, tmp_path / "copy")
    (block,) = (tmp_path / "copy" / "blocks").iterdir()
    data = bytearray(block.read_bytes())
    data[len(data) // 2] ^= 1
    block.unlink()  # it is one file with the store's own
    block.write_bytes(data)
    with pytest.raises(StorageError, match="copy is damaged"):
        restore(tmp_path / "copy", tmp_path / "store", lambda _: None)
    with opened(tmp_path / "store") as store:
        assert asked(store) == whole


def test_levels_that_cannot_work_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="resolution 0"):
        limits(levels=())
