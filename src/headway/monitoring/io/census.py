"""CPU, memory, files and threads of whole process trees, and of this machine, from /proc.

A replica is the leader of a session, and what it starts belongs to that session. One look at all of
/proc serves every target.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from headway.monitoring.row import Key, known

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STAT_BYTES_MAX = 4096


@dataclass(slots=True)
class Figures:
    cpu_s: float = 0.0
    resident_bytes: int = 0
    open_files: int = 0
    threads: int = 0
    processes: int = 0


@dataclass(frozen=True, slots=True)
class Census:
    """Every process that was there at one look, by its session and by itself."""

    sessions: Mapping[int, Figures]
    alone: Mapping[int, Figures]

    def of(self, pid: int) -> Figures | None:
        """Of a leader with all of its session; of anybody else alone. None: it is gone."""
        return self.sessions.get(pid) or self.alone.get(pid)


def take_census(wanted: frozenset[int]) -> Census:
    """Blocks for some milliseconds. Only `wanted` processes and sessions are counted."""
    sessions: dict[int, Figures] = {}
    alone: dict[int, Figures] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  ten times faster
        if name.isdigit():
            _count(int(name), wanted, sessions, alone)
    return Census({pid: f for pid, f in sessions.items() if pid in alone}, alone)


def about(figures: Figures | None, process: str) -> dict[Key, float]:
    if figures is None:
        return {}
    more = {"process": process} if process else {}
    return {
        known("headway_process_cpu_seconds_total", **more): figures.cpu_s,
        known("headway_process_resident_bytes", **more): figures.resident_bytes,
        known("headway_process_open_files", **more): figures.open_files,
        known("headway_process_threads", **more): figures.threads,
        known("headway_processes", **more): figures.processes,
    }


def host(home: Path) -> dict[Key, float]:
    """The machine as a whole; the disk is the one that `home` lies on."""
    memory, disk, times = psutil.virtual_memory(), psutil.disk_usage(str(home)), psutil.cpu_times()
    found = {
        known("headway_host_load1"): os.getloadavg()[0],
        known("headway_host_cores"): float(os.cpu_count() or 1),
        known("headway_host_memory_total_bytes"): memory.total,
        known("headway_host_memory_available_bytes"): memory.available,
        known("headway_host_disk_total_bytes"): disk.total,
        known("headway_host_disk_free_bytes"): disk.free,
    }
    for mode in ("user", "system", "idle", "iowait"):
        key = known("headway_host_cpu_seconds_total", mode=mode)
        found[key] = float(getattr(times, mode, 0.0))
    return found


def _count(
    pid: int, wanted: frozenset[int], sessions: dict[int, Figures], alone: dict[int, Figures]
) -> None:
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX":
        return
    session = int(fields[3])
    if pid not in wanted and session not in wanted:
        return
    # With what its ended children used: so the sum over a tree never goes back.
    cpu_s = sum(map(int, fields[11:15])) / TICKS_PER_S
    resident_bytes = int(fields[21]) * PAGE_BYTES
    figures = Figures(cpu_s, resident_bytes, _open_files(pid), int(fields[17]), 1)
    if pid in wanted:
        alone[pid] = figures
    if session in wanted:
        _add(sessions.setdefault(session, Figures()), figures)


def _add(total: Figures, more: Figures) -> None:
    total.cpu_s += more.cpu_s
    total.resident_bytes += more.resident_bytes
    total.open_files += more.open_files
    total.threads += more.threads
    total.processes += more.processes


def _stat(pid: int) -> list[str] | None:
    """Its fields from the state on; the name before them may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  read hundreds of times a second
            text = file.read(STAT_BYTES_MAX)
    except OSError:
        return None
    return text.decode("ascii", "replace").rpartition(")")[2].split()


def _open_files(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    except OSError:
        return 0
