"""What a scenario counts against the product, and what it does not."""

import asyncio
import socket
from pathlib import Path

from benchmarks.site_under_test import SiteUnderTest
from benchmarks.skeleton.overload import fewest_answering
from benchmarks.skeleton.replicas import Kill, in_flight
from benchmarks.summary import Record


def post(due_s: float, end_s: float, *, by: str = "web-1") -> Record:
    return Record("r-1", "POST", due_s, end_s, 200, answered_by=by)


def test_only_what_was_on_its_way_at_a_kill_may_fail() -> None:
    kills = [Kill(10.0, 0.3, 0.2), Kill(20.0, 0.3, 0.2)]
    assert in_flight(post(9.9, 10.1), kills)
    assert in_flight(post(20.02, 20.03), kills)  # met the sockets that were just closing
    assert not in_flight(post(10.2, 10.3), kills)
    assert not in_flight(post(19.0, 19.9), kills)


def test_the_leanest_second_tells_how_many_replicas_carried_the_load() -> None:
    both = [post(s, s + 0.1, by=by) for s in (2.0, 3.0, 4.0) for by in ("web-1", "web-2")]
    assert fewest_answering(both, 5.0) == 2
    assert fewest_answering(both[:-1], 5.0) == 1
    assert fewest_answering([], 5.0) == 0


def test_ports_and_files_that_stay_are_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        site = SiteUnderTest(tmp_path / "home", port)
        for folder in (site.home, site.temporary):
            folder.mkdir()
        (site.home / "journal.db").touch()
        (site.home / "headwayd.sock").touch()
        left = asyncio.run(site.gone())
    expected = [f"port {port} is still listening", f"file {site.home / 'headwayd.sock'}"]
    assert left == expected
    (site.home / "headwayd.sock").unlink()
    assert asyncio.run(site.gone()) == []
