"""What headwayd writes for the monitor: whole, private, and read once."""

import os
import stat
from pathlib import Path

import pytest

from headway.monitoring.io import lock
from headway.monitoring.io.watchlist_file import (
    WatchlistFile,
    forget,
    watchlist_path,
    write,
)
from headway.monitoring.targets import WatchedEnvironment, Watchlist, WatchlistError


def test_each_list_is_news_once(tmp_path: Path) -> None:
    file = WatchlistFile(tmp_path)
    assert file.news() is None
    for number in (1, 2):
        told = Watchlist(number, (WatchedEnvironment("small", "test"),))
        write(tmp_path, told)
        assert file.news() == told
        assert file.news() is None
    forget(tmp_path)
    assert file.news() == Watchlist(0)
    assert file.news() is None


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    write(tmp_path, Watchlist(1))
    assert stat.S_IMODE(watchlist_path(tmp_path).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [watchlist_path(tmp_path).name]


def test_a_damaged_one_is_told_once_and_the_next_good_one_counts(tmp_path: Path) -> None:
    file = WatchlistFile(tmp_path)
    watchlist_path(tmp_path).write_text("{")
    with pytest.raises(WatchlistError):
        file.news()
    assert file.news() is None
    write(tmp_path, Watchlist(7))
    assert file.news() == Watchlist(7)


def test_its_age_says_how_long_headwayd_has_been_silent(tmp_path: Path) -> None:
    write(tmp_path, Watchlist(1))
    written_s = watchlist_path(tmp_path).stat().st_mtime
    file = WatchlistFile(tmp_path, wall_s=lambda: written_s + 30)
    file.news()
    assert file.age_s == pytest.approx(30)


def test_only_one_monitor_holds_a_home(tmp_path: Path) -> None:
    assert lock.holder(tmp_path) is None
    held = lock.hold(tmp_path)
    assert held is not None
    assert lock.hold(tmp_path) is None
    assert lock.holder(tmp_path) == os.getpid()
    os.close(held)
    assert lock.holder(tmp_path) is None
