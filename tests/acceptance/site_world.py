"""A small site brought up by the real command in a home of its own, and down again afterwards.

What a story knows it knows as an operator would: from exit codes, output, HTTP, the process table.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEADWAY = Path(sys.executable).with_name("headway")
BACKEND = Path(__file__).parents[1] / "contracts" / "small_backend.py"
COMMAND_S_MAX = 90.0
WAIT_S_MAX = 30.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str


class Site:
    """One folder with a site.yaml; `port` is free and the entry's."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.port = free_port()
        self.outputs: list[str] = []  # everything any command printed

    def describe(
        self, *, replicas: int = 3, env: str = "{}", more: str = "", top: str = ""
    ) -> None:
        """Write site.yaml; `more` is added to its services, `top` to the top level."""
        (self.folder / "site.yaml").write_text(
            f"headway: 1\nsite: small\nowner: testers\n"
            f"entry: {{service: web, port: {self.port}}}\n{top}"
            "services:\n  web:\n"
            f"    run: {sys.executable} {BACKEND} $HW_REPLICA $PORT\n"
            f"    replicas: {replicas}\n    env: {env}\n    drain: 2s\n{more}"
        )

    def headway(self, *words: str, code: int | None = 0) -> Ran:
        done = subprocess.run(
            [str(HEADWAY), *words],
            cwd=self.folder,
            env=os.environ | {"HEADWAY_HOME": str(self.home), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_S_MAX,
            check=False,
        )
        out = done.stdout.decode()
        self.outputs.append(out)
        assert "Traceback" not in out, out
        assert code is None or done.returncode == code, f"{words}: exit {done.returncode}\n{out}"
        return Ran(done.returncode, out)

    def begin(self, *words: str) -> "subprocess.Popen[bytes]":
        """A command that is not waited for; whoever begins it ends it."""
        return subprocess.Popen(
            [str(HEADWAY), *words],
            cwd=self.folder,
            env=os.environ | {"HEADWAY_HOME": str(self.home), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def until_true(self, what: str, is_so: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S_MAX
        while not is_so():
            assert time.monotonic() < deadline, f"not {what} within {WAIT_S_MAX:g} s"
            time.sleep(POLL_S)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.headway("status", "-o", "json").out)
        return found

    def replicas(self, service: str = "web") -> list[dict[str, Any]]:
        services = {s["name"]: s for s in self.status()["services"]}
        return list(services[service]["replicas"])

    def pids(self) -> set[int]:
        return {r["pid"] for r in self.replicas() if r["pid"] is not None}

    def until(self, what: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_S_MAX
        status: dict[str, Any] = {}
        while time.monotonic() < deadline:
            ran = self.headway("status", "-o", "json", code=None)
            if ran.code == 0:
                status = json.loads(ran.out)
                if is_so(status):
                    return status
            time.sleep(POLL_S)
        message = f"not {what} within {WAIT_S_MAX:g} s: {json.dumps(status)[:2000]}"
        raise AssertionError(message)

    def until_settled(self) -> dict[str, Any]:
        return self.until("settled", lambda s: bool(s["settled"]))

    def get(self, path: str = "/") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    @contextmanager
    def under_load(self) -> Iterator[Counter[object]]:
        """GETs from two clients all the while; counts statuses and errors by name."""
        counted: Counter[object] = Counter()
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                try:
                    counted[self.get()[0]] += 1
                except OSError as error:
                    counted[type(error).__name__] += 1

        clients = [threading.Thread(target=ask) for _ in range(2)]
        for client in clients:
            client.start()
        try:
            yield counted
        finally:
            over.set()
            for client in clients:
                client.join()

    def daemon_pid(self) -> int:
        return int((self.home / "headwayd.lock").read_text())

    def keeper_pid(self) -> int:
        return next(p for p in self.processes() if "headway.engine.io.keeper" in command_of(p))

    def processes(self) -> list[int]:
        """Everything of this home: found by its path in the command line or the environment."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal() or int(entry.name) == os.getpid():
                continue
            with suppress(OSError):
                told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                is_dead = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
                if str(self.home).encode() in told and not is_dead:
                    found.append(int(entry.name))
        return found


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
