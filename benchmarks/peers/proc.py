"""What the kernel says of a process: processor time and memory."""

import os
from collections.abc import Iterable
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KIB_PER_MB = 1024
GROUPS = Path("/sys/fs/cgroup")


def cpu_s(pids: Iterable[int]) -> float:
    """Of all threads, those that have ended too, in user and in kernel mode."""
    return sum(ticks(_read(pid, "stat")) for pid in pids) / TICKS_PER_S


def ticks(stat: str) -> int:
    """From the text of /proc/PID/stat; a command's name may hold anything, also `)`."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def pss_mb(pids: Iterable[int]) -> float:
    """Memory with what is shared divided among those who share it; who has ended has none."""
    total = 0.0
    for pid in pids:
        try:
            total += pss_kib(_read(pid, "smaps_rollup")) / KIB_PER_MB
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def pss_kib(rollup: str) -> int:
    """From the text of /proc/PID/smaps_rollup."""
    line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1])


def share_processors(pids: Iterable[int], *, like: int) -> None:
    """Put them into the control group in which `like` is given processor time."""
    group = group_of(_read(like, "cgroup"))
    for pid in pids:
        if group_of(_read(pid, "cgroup")) != group:
            (group / "cgroup.procs").write_text(str(pid), encoding="utf-8")


def group_of(told: str) -> Path:
    """From the text of /proc/PID/cgroup: version 1 has a line of its own for `cpu`."""
    lines = [line.split(":", 2) for line in told.splitlines()]
    by_controller = {name: path for _, names, path in lines for name in names.split(",")}
    if "cpu" in by_controller:
        return GROUPS / "cpu" / by_controller["cpu"].lstrip("/")
    return GROUPS / by_controller[""].lstrip("/")


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
