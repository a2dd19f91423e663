"""Targets that behave badly: counted, shown, and nobody else's problem."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.monitoring.metrics_world import PLAIN, Scraping, scraping

from headway.monitoring.io.fetch import TEXT_BYTES_MAX, Reason
from headway.monitoring.io.scrape import SERIES_MAX

LIMIT_S = 20.0
Eventually = Callable[[Callable[[], object], float], None]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Scraping]:
    with scraping(tmp_path).at_work() as made:
        yield made


def test_what_a_target_tells_is_kept_with_how_it_went(
    world: Scraping, eventually: Eventually
) -> None:
    world.aim(world.target())
    eventually(lambda: len(world.values("requests_total", job="web")) > 2, LIMIT_S)
    assert set(world.values("requests_total", job="web")) == {1.0}
    assert set(world.values("up", job="web")) == {1.0}
    assert set(world.values("scrape_samples_scraped", job="web")) == {1.0}
    assert world.values("scrape_errors_total", job="web") == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PLAIN + b"requests_total one\n", Reason.MALFORMED),
        (PLAIN + b"requests_total 1\n\xff\xfe 2\n", Reason.MALFORMED),
        (b"what do you want?\r\n\r\n", Reason.MALFORMED),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", Reason.STATUS),
        (b"", Reason.REFUSED),
        (None, Reason.LATE),
        (PLAIN + b"x" * (TEXT_BYTES_MAX + 1), Reason.TOO_BIG),
    ],
)
def test_a_scrape_that_fails_is_counted_by_its_reason_and_ends_the_series(
    world: Scraping, eventually: Eventually, answer: bytes | None, reason: Reason
) -> None:
    world.aim(world.target())
    eventually(lambda: world.values("requests_total", job="web"), LIMIT_S)
    world.exporter.answer = answer
    eventually(lambda: world.values("scrape_errors_total", job="web", reason=reason), LIMIT_S)
    assert world.values("up", job="web")[-1] == 0.0
    eventually(lambda: world.has_ended("requests_total"), LIMIT_S)
    assert world.watch is not None
    assert world.watch.last_error
    world.exporter.answer = PLAIN + b"requests_total 5\n"
    eventually(lambda: world.values("requests_total", job="web")[-1] == 5.0, LIMIT_S)
    eventually(lambda: world.values("up", job="web")[-1] == 1.0, LIMIT_S)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_who_has_no_metrics_is_not_down_and_is_asked_seldom(
    world: Scraping, eventually: Eventually, answer: bytes
) -> None:
    world.exporter.answer = answer
    world.aim(world.target())
    eventually(lambda: world.watch is not None and world.watch.last_error, LIMIT_S)
    asked = world.exporter.asked
    written = len(world.values("headway_monitor_targets"))
    eventually(lambda: len(world.values("headway_monitor_targets")) > written + 5, LIMIT_S)
    assert world.exporter.asked == asked
    assert world.values("up", job="web") == []
    assert world.values("scrape_errors_total", job="web") == []
    # Its next life may have some.
    world.exporter.answer = PLAIN + b"requests_total 1\n"
    world.aim(world.target(life=2))
    eventually(lambda: world.values("requests_total", job="web"), LIMIT_S)


def test_a_target_that_vanishes_ends_its_series(world: Scraping, eventually: Eventually) -> None:
    world.aim(world.target())
    eventually(lambda: world.values("requests_total", job="web"), LIMIT_S)
    world.aim()
    eventually(lambda: world.has_ended("requests_total") and world.has_ended("up"), LIMIT_S)
    assert world.watch is None


def test_a_target_whose_series_come_and_go_is_never_refused_for_those_that_went(
    world: Scraping, eventually: Eventually
) -> None:
    world.exporter.answer = PLAIN + lines(0, SERIES_MAX - 10)
    world.aim(world.target())
    eventually(lambda: world.values("scrape_samples_scraped", job="web"), LIMIT_S)
    world.exporter.answer = PLAIN + lines(SERIES_MAX, SERIES_MAX + 30)
    eventually(lambda: 20.0 in world.values("scrape_series_refused", job="web"), LIMIT_S)
    eventually(lambda: world.values("scrape_samples_scraped", job="web")[-1] == 30.0, LIMIT_S)
    assert world.values("scrape_series_refused", job="web")[-1] == 0.0
    newest = str(SERIES_MAX + 29)
    eventually(lambda: world.values("requests_total", user=newest), LIMIT_S)
    assert set(world.values("requests_total", user=newest)) == {float(newest)}


def lines(first: int, end: int) -> bytes:
    return "".join(f'requests_total{{user="{n}"}} {n}\n' for n in range(first, end)).encode()


def test_the_monitor_watches_itself_and_its_machine(
    world: Scraping, eventually: Eventually
) -> None:
    world.aim()
    eventually(lambda: world.values("headway_process_cpu_seconds_total"), LIMIT_S)
    assert world.values("headway_process_resident_bytes")[-1] > 1 << 20
    assert world.values("headway_host_memory_total_bytes")[-1] > 1 << 20
    assert world.values("headway_monitor_rows_lost_total")[-1] == 0
