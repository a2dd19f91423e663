"""sdk/CONTRACT.md, held by a real service: uvicorn, the SDK inside it, headway-run around it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

pytestmark = pytest.mark.contract

LIMIT_S = 20.0
HEADWAY_RUN = (sys.executable, "-m", "headway_sdk.run", "--")
HERE = Path(__file__).parent


Eventually = Callable[[Callable[[], object], float], None]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def alive(pid: int) -> bool:
    """A zombie is dead: whoever inherited it may reap it later."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@dataclass
class Running:
    """A service under headway-run, and how to talk with it."""

    process: subprocess.Popen[bytes]
    port: int
    words: Path
    output: Path
    eventually: Eventually
    child: int = 0

    def ask(self, path: str) -> tuple[int, bytes, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("connection")
        finally:
            connection.close()

    def health(self) -> tuple[int, bytes]:
        try:
            return self.ask("/healthz")[:2]
        except ConnectionError:
            return 0, b"nobody listens"

    def become_ready(self) -> None:
        self.words.touch()
        self.eventually(lambda: self.health() == (200, b"OK"), LIMIT_S)
        self.child = json.loads(self.ask("/")[1])["pid"]

    def log_lines(self) -> list[dict[str, Any]]:
        lines = self.output.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def headway_run(
    *command: str, output: IO[bytes] | int = subprocess.DEVNULL, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*HEADWAY_RUN, *command],
        env={**os.environ, "HW_DRAIN_S": "10", **environ},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output != subprocess.PIPE else subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()  # and with it the child: that is a promise
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def service(tmp_path: Path, eventually: Eventually) -> Iterator[Running]:
    port, words, output = free_port(), tmp_path / "words", tmp_path / "output"
    uvicorn = (sys.executable, "-m", "uvicorn", "contract_app:app", "--app-dir", str(HERE))
    options = ("--host", "127.0.0.1", "--port", "$PORT", "--log-level", "warning")
    environ = {
        "PORT": str(port),
        "WORDS": str(words),
        "HW_REPLICA": "contract-1",
        "HW_DRAIN_WAIT_S": "3",
        "TMPDIR": str(tmp_path),
    }
    with (
        output.open("wb") as out,
        headway_run(*uvicorn, *options, "--no-access-log", output=out, **environ) as process,
    ):
        yield Running(process, port, words, output, eventually)


def test_health_is_negative_until_ready_and_then_exactly_ok(service: Running) -> None:
    service.eventually(lambda: service.health() == (503, b"words: no words yet"), LIMIT_S)
    assert service.ask("/")[0] == 200  # it serves whoever asks; health only advises
    service.words.touch()
    service.eventually(lambda: service.health() == (200, b"OK"), LIMIT_S)


def test_sigterm_turns_health_negative_first_and_ends_with_status_0(service: Running) -> None:
    service.become_ready()
    service.process.terminate()
    service.eventually(
        lambda: service.health() == (503, b"draining: the process was told to end"), LIMIT_S
    )
    status, _, connection = service.ask("/")
    assert (status, connection) == (200, "close")
    assert service.process.wait(LIMIT_S) == 0
    assert not alive(service.child)
    assert not list(service.output.parent.glob("headway-drain*"))
    assert [line["path"] for line in service.log_lines()][-1] == "/"


def test_an_end_under_load_loses_no_request(service: Running) -> None:
    """As long as the server waits, it serves, however long its callers take to heed health."""
    service.become_ready()
    wanted = threading.Event()
    wanted.set()
    statuses: list[int] = []
    failures: list[BaseException] = []

    def keep_asking(path: str) -> None:
        try:
            while wanted.is_set():
                statuses.append(service.ask(path)[0])  # a new connection each time
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)

    def keep_asking_on_one_connection(path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=LIMIT_S)
        try:
            while wanted.is_set():
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)
        finally:
            connection.close()

    clients = [
        threading.Thread(target=keep_asking, args=("/fast",)),
        threading.Thread(target=keep_asking_on_one_connection, args=("/fast",)),
        threading.Thread(target=keep_asking, args=("/slow",)),
        threading.Thread(target=keep_asking_on_one_connection, args=("/slow",)),
    ]
    for client in clients:
        client.start()
    service.eventually(lambda: len(statuses) > 50, LIMIT_S)
    service.process.terminate()
    service.eventually(lambda: service.health()[0] == 503, LIMIT_S)
    # A check is heeded a little after it was answered: until then, everything is still served.
    count = len(statuses)
    service.eventually(lambda: failures or len(statuses) > count + 500, LIMIT_S)
    wanted.clear()
    service.process.terminate()  # told twice: nobody asks any more, so there is no need to wait
    for client in clients:
        client.join(LIMIT_S)
    assert service.process.wait(LIMIT_S) == 0
    assert not failures
    assert set(statuses) == {200}


def test_what_is_in_flight_at_the_very_end_is_still_answered(service: Running) -> None:
    service.become_ready()
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(service.ask("/slow")[0]))
    slow.start()
    service.eventually(lambda: b"hw_requests_in_flight 1.0" in service.ask("/metrics")[1], LIMIT_S)
    service.process.terminate()
    service.eventually(lambda: service.health()[0] == 503, LIMIT_S)
    service.process.terminate()  # told twice: straight to the server's own end
    slow.join(LIMIT_S)
    assert answers == [200]
    assert service.process.wait(LIMIT_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child to its parent")
def test_when_the_parent_is_killed_the_child_dies_too(service: Running) -> None:
    service.become_ready()
    assert alive(service.child)
    service.process.kill()
    service.eventually(lambda: not alive(service.child), LIMIT_S)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -SEGV $$", -signal.SIGSEGV),
        ("kill -TERM $$", -signal.SIGTERM),  # not by us, so not a clean end
    ],
)
def test_the_child_s_exit_status_is_passed_through(script: str, status: int) -> None:
    with headway_run("sh", "-c", f"ulimit -c 0; {script}") as process:
        assert process.wait(LIMIT_S) == status


def test_a_command_that_is_not_there_is_said_to_be_so() -> None:
    with headway_run("no-such-server", output=subprocess.PIPE) as process:
        assert process.wait(LIMIT_S) == 127
        assert process.stderr is not None
        said = process.stderr.read().decode()
    assert said.startswith("headway-run: cannot run no-such-server: No such file or directory")


def test_a_server_that_is_not_python_sees_the_flag_before_its_end(
    tmp_path: Path, eventually: Eventually
) -> None:
    """It dies of our SIGTERM, which is a clean end."""
    flag, seen = tmp_path / "flag", tmp_path / "seen"
    wait_for_flag = 'while ! test -e "$HW_DRAIN_FILE"; do sleep 0.01; done'
    script = f"touch {seen}; {wait_for_flag}; rm {seen}; exec sleep 30"
    with headway_run("sh", "-c", script, HW_DRAIN_FILE=str(flag)) as process:
        eventually(seen.exists, LIMIT_S)
        process.send_signal(signal.SIGINT)
        eventually(lambda: not seen.exists(), LIMIT_S)
        assert process.wait(LIMIT_S) == 0
    assert not flag.exists()


def test_a_flag_left_behind_by_an_earlier_life_means_nothing(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    with headway_run("sh", "-c", 'test ! -e "$HW_DRAIN_FILE"', HW_DRAIN_FILE=str(flag)) as process:
        assert process.wait(LIMIT_S) == 0


def test_a_server_that_does_not_end_is_killed_at_the_limit(
    tmp_path: Path, eventually: Eventually
) -> None:
    up = tmp_path / "up"
    script = f"trap '' TERM; touch {up}; while :; do sleep 0.02; done"
    with headway_run("sh", "-c", script, HW_DRAIN_S="0.3", output=subprocess.PIPE) as process:
        eventually(up.exists, LIMIT_S)
        process.terminate()
        assert process.wait(LIMIT_S) == -signal.SIGKILL
        assert process.stderr is not None
        assert b"did not end within 0.3 s" in process.stderr.read()


def test_other_signals_reach_the_child(tmp_path: Path, eventually: Eventually) -> None:
    up = tmp_path / "up"
    script = f"trap 'exit 5' USR1; touch {up}; while :; do sleep 0.02; done"
    with headway_run("sh", "-c", script) as process:
        eventually(up.exists, LIMIT_S)
        process.send_signal(signal.SIGUSR1)
        assert process.wait(LIMIT_S) == 5
