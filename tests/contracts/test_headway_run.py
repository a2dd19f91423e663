"""`headway-run` in hostile hands: servers that fork away, hang and ignore; signals in floods."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.contracts.test_service_contract import LIMIT_S, alive, headway_run

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a parent its orphans"),
]

Eventually = Callable[[Callable[[], object], float], None]

# A server that puts itself into the background, as daemons did: the first process ends at once.
AWAY = """
import os, signal, sys, time
if STUBBORN: signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open(sys.argv[1] + ".new", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
"""

# Handles USR2 and USR1 as "debug" and "normal"; says so by its files. Exits with 9 on SIGTERM.
SWITCHES = """
import os, signal, sys
def note(name): return lambda *_: open(os.path.join(sys.argv[1], name), "w").close()
if "late" in sys.argv: signal.sigtimedwait([], 1.5)
signal.signal(signal.SIGUSR2, note("debug"))
signal.signal(signal.SIGUSR1, note("normal"))
note("up")()
while True: signal.pause()
"""


def python(code: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-E", "-c", code, *words)


def tell(path: Path, level: str, *, for_s: float) -> None:
    until = datetime.now(UTC) + timedelta(seconds=for_s)
    new = path.with_suffix(".new")
    new.write_text(
        json.dumps({"version": 1, "log_level": level, "log_level_until": until.isoformat()})
    )
    new.replace(path)


@pytest.mark.parametrize("stubborn", [False, True])
def test_what_a_server_leaves_behind_ends_with_it(tmp_path: Path, *, stubborn: bool) -> None:
    noted = tmp_path / "pid"
    # Its first process waits for its grandchild, so that there is something to leave behind.
    code = AWAY.replace("STUBBORN", str(stubborn)).replace(
        "if os.fork(): os._exit(0)\nos.setsid()",
        "if os.fork():\n"
        "    while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "    os._exit(0)\nos.setsid()",
    )
    with headway_run(*python(code, str(noted)), output=subprocess.PIPE) as process:
        assert process.wait(LIMIT_S) == 0
        assert process.stderr is not None
        assert b"it left 1 processes behind; they are ended" in process.stderr.read()
    assert not alive(int(noted.read_text()))


def test_after_sigterm_what_is_left_may_end_its_work_until_the_limit(
    tmp_path: Path, eventually: Eventually
) -> None:
    """A shell around a server dies of SIGTERM at once; the server itself is told to end, too."""
    done, up = tmp_path / "done", tmp_path / "up"
    server = (
        f"trap 'sleep 0.3; touch {done}; exit 0' TERM; touch {up}; while :; do sleep 0.02; done"
    )
    with headway_run("sh", "-c", f"({server}) & wait", HW_DRAIN_WAIT_S="0") as process:
        eventually(up.exists, LIMIT_S)
        process.terminate()
        assert process.wait(LIMIT_S) == 0
    assert done.exists()


def test_orphans_are_buried_while_the_server_runs(tmp_path: Path, eventually: Eventually) -> None:
    up = tmp_path / "up"
    script = f"for i in 1 2 3 4 5; do (true &) ; done; touch {up}; exec sleep 60"
    with headway_run("sh", "-c", script) as process:
        eventually(up.exists, LIMIT_S)

        def zombies() -> list[str]:
            stats = [p.read_text() for p in Path("/proc").glob("[0-9]*/stat") if p.exists()]
            fields = [stat.rpartition(")")[2].split() for stat in stats]
            return [f[0] for f in fields if f[1] == str(process.pid) and f[0] == "Z"]

        eventually(lambda: not zombies(), LIMIT_S)
        process.terminate()
        assert process.wait(LIMIT_S) == 0


def test_a_server_that_ends_by_itself_has_its_own_status_also_while_draining(
    tmp_path: Path, eventually: Eventually
) -> None:
    up = tmp_path / "up"
    script = f"trap 'exit 3' TERM; touch {up}; while :; do sleep 0.02; done"
    with headway_run("sh", "-c", script, HW_DRAIN_WAIT_S="0") as process:
        eventually(up.exists, LIMIT_S)
        process.terminate()
        assert process.wait(LIMIT_S) == 3


def test_every_byte_that_a_server_writes_arrives(tmp_path: Path) -> None:
    code = "import sys; sys.stdout.write('x' * 5_000_000 + 'end'); sys.stdout.flush()"
    output = tmp_path / "output"
    with output.open("wb") as out, headway_run(*python(code), output=out) as process:
        assert process.wait(LIMIT_S) == 0
    assert output.stat().st_size == 5_000_003
    assert output.read_bytes().endswith(b"end")


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGHUP, signal.SIGTTIN])
def test_signals_with_a_meaning_for_servers_reach_them(
    tmp_path: Path, eventually: Eventually, number: signal.Signals
) -> None:
    up = tmp_path / "up"
    name = number.name.removeprefix("SIG")
    script = f"trap 'exit 5' {name}; touch {up}; while :; do sleep 0.02; done"
    with headway_run("sh", "-c", script) as process:
        eventually(up.exists, LIMIT_S)
        process.send_signal(number)
        assert process.wait(LIMIT_S) == 5


def test_a_flood_of_signals_does_not_hide_the_end(tmp_path: Path, eventually: Eventually) -> None:
    up = tmp_path / "up"
    script = f"trap '' WINCH HUP; touch {up}; exec sleep 60"
    with headway_run("sh", "-c", script, HW_DRAIN_WAIT_S="0.2") as process:
        eventually(up.exists, LIMIT_S)
        for _ in range(3000):
            process.send_signal(signal.SIGWINCH)
            process.send_signal(signal.SIGHUP)
        process.terminate()
        assert process.wait(LIMIT_S) == 0


def test_a_stopped_server_is_killed_at_the_limit(tmp_path: Path, eventually: Eventually) -> None:
    noted = tmp_path / "pid"
    script = f"echo $$ > {noted}.new; mv {noted}.new {noted}; exec sleep 60"
    with headway_run("sh", "-c", script, HW_DRAIN_S="0.3") as process:
        eventually(noted.exists, LIMIT_S)
        os.kill(int(noted.read_text()), signal.SIGSTOP)
        process.terminate()
        assert process.wait(LIMIT_S) == -signal.SIGKILL


class Switched:
    """A server that switches by signals, and what it noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control = folder / "web.json"
        self.output = folder / "output"
        self.options = ("--debug-signal", "USR2", "--normal-signal=SIGUSR1")

    def noted(self, name: str) -> bool:
        return (self.folder / name).exists()

    def said(self) -> str:
        return self.output.read_text()


@pytest.fixture
def switched(tmp_path: Path) -> Switched:
    return Switched(tmp_path)


@contextmanager
def switched_by(
    server: Switched, *words: str, code: str = SWITCHES
) -> Iterator[subprocess.Popen[bytes]]:
    command = (*server.options, "--", *python(code, str(server.folder), *words))
    with server.output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "headway_sdk.run", *command],
            env=os.environ | {"HW_CONTROL": str(server.control), "HW_DRAIN_WAIT_S": "0"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_server_is_switched_by_signals_and_back_although_nobody_takes_it_back(
    switched: Switched, eventually: Eventually
) -> None:
    with switched_by(switched):
        eventually(lambda: switched.noted("up"), LIMIT_S)
        tell(switched.control, "debug", for_s=2.5)
        eventually(lambda: switched.noted("debug"), LIMIT_S)
        assert not switched.noted("normal")
        eventually(lambda: switched.noted("normal"), LIMIT_S)
        assert "log level debug until" in switched.said()
        assert "log level as before: SIGUSR1 sent" in switched.said()


def test_a_server_that_is_still_starting_is_not_ended_by_the_signal(
    switched: Switched, eventually: Eventually
) -> None:
    tell(switched.control, "debug", for_s=60)
    with switched_by(switched, "late") as process:
        eventually(lambda: switched.noted("debug"), LIMIT_S)
        assert process.poll() is None


def test_a_server_without_a_handler_is_never_sent_what_would_end_it(
    switched: Switched, eventually: Eventually
) -> None:
    tell(switched.control, "debug", for_s=60)
    code = "import sys, time; open(sys.argv[1] + '/up', 'w').close(); time.sleep(60)"
    with switched_by(switched, code=code) as process:
        eventually(lambda: "the server does not handle SIGUSR2; not sent" in switched.said(), 30.0)
        assert process.poll() is None
        tell(switched.control, "error", for_s=60)
        eventually(lambda: "this server has only debug" in switched.said(), LIMIT_S)
        assert process.poll() is None
