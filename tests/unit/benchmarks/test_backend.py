"""The backend as a process: known capacity, told misbehaviour, an honest end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic

import pytest

ROOT = Path(__file__).parents[3]


@contextmanager
def backend(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = (sys.executable, "-m", "benchmarks.backend", "--port", "0", *arguments)
    env = os.environ | {"HW_REPLICA": "web-0"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = re.search(r"port (\d+)", process.stdout.readline())
            assert said is not None
            yield process, int(said[1])
        finally:
            process.kill()


def ask(
    port: int, path: str, method: str = "GET", request_id: str = "r-1"
) -> tuple[int, str, str | None]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers={"x-request-id": request_id})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("x-replica")
    finally:
        connection.close()


def test_health_is_exactly_ok_until_it_is_told_otherwise() -> None:
    with backend() as (_, port):
        assert ask(port, "/healthz") == (200, "OK", "web-0")
        assert ask(port, "/control?mode=not_ok")[0] == 200
        assert ask(port, "/healthz")[0] == 503
        assert ask(port, "/work")[0] == 200
        assert ask(port, "/control?mode=error")[0] == 200
        assert ask(port, "/healthz")[:2] == (200, "OK")
        assert ask(port, "/work")[0] == 500
        assert ask(port, "/control?mode=nonsense")[0] == 400


def test_a_fragile_one_is_slow_while_it_is_cold_and_breaks_above_what_it_can_hold(
    tmp_path: Path,
) -> None:
    diary = tmp_path / "diary"
    weak = ("--crash-above", "2", "--cold-s", "60", "--cold-takes-ms", "200", "--takes-ms", "1")
    with backend(*weak, "--diary", str(diary)) as (process, port):
        assert ask(port, "/healthz")[:2] == (200, "OK")
        before_s = monotonic()
        assert ask(port, "/work")[0] == 200
        assert monotonic() - before_s >= 0.2
        with ThreadPoolExecutor(3) as users:
            answers = [users.submit(ask, port, "/work") for _ in range(3)]
            assert all(answer.exception() is not None for answer in answers)
        assert process.wait(5) == 70
    told = [line.split()[1:] for line in diary.read_text().splitlines()]
    assert told[:2] == [["web-0", "ready"], ["web-0", "request"]]
    assert told[-1] == ["web-0", "crash"]


def test_silence_ends_when_it_is_told_to() -> None:
    with backend() as (_, port):
        ask(port, "/control?mode=silent")
        connection = HTTPConnection("127.0.0.1", port, timeout=0.2)
        connection.request("GET", "/healthz")
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
        ask(port, "/control?mode=ok")
        assert ask(port, "/healthz")[0] == 200


def test_work_beyond_the_slots_queues_while_health_still_answers() -> None:
    with backend("--slots", "1", "--takes-ms", "150") as (_, port), ThreadPoolExecutor(4) as pool:
        began_s = monotonic()
        work = [pool.submit(ask, port, "/work") for _ in range(4)]
        assert ask(port, "/healthz")[0] == 200
        assert not work[-1].done()
        assert {w.result()[0] for w in work} == {200}
        assert monotonic() - began_s >= 4 * 0.150


def test_health_may_be_made_to_queue_with_the_work() -> None:
    arguments = ("--slots", "1", "--takes-ms", "150", "--health-through-slots")
    with backend(*arguments) as (_, port):
        began_s = monotonic()
        assert ask(port, "/healthz")[0] == 200
        assert monotonic() - began_s >= 0.150


def test_ids_of_posts_that_were_carried_out_survive_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "handled"
    with backend("--handled-ids", str(file)) as (process, port):
        ask(port, "/work", "POST", "r-1")
        ask(port, "/work", "GET", "r-2")
        ask(port, "/work", "POST", "r-3")
        process.kill()
        process.wait()
    assert file.read_text(encoding="utf-8") == "r-1 web-0\nr-3 web-0\n"


def test_sigterm_ends_what_is_in_flight_and_leaves_with_status_0() -> None:
    with backend("--takes-ms", "200") as (process, port), ThreadPoolExecutor(1) as pool:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/work", headers={"x-request-id": "r-9"})
        assert ask(port, "/healthz")[0] == 200  # so the request before it has arrived
        process.send_signal(signal.SIGTERM)
        answer = pool.submit(connection.getresponse).result()
        assert (answer.status, answer.getheader("connection")) == (200, "close")
        connection.close()
        assert process.wait(timeout=5) == 0


def test_it_knows_how_long_its_own_start_took() -> None:
    began_s = monotonic()
    with backend() as (_, port):
        assert 0.01 < float(ask(port, "/started")[1]) < monotonic() - began_s + 0.02
