"""What a new keeper makes of what an earlier one left behind: adopt, give up, or kill.

The keeper's file may be gone, damaged, or older than what runs (a full disk). A replica that still
runs says by its own environment which life it is, and is adopted; only what is no replica's main
process is killed.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headway.engine.io import procfs
from headway.engine.io.record import Record

REBOOTED = "the machine was started anew"
MISSED = "ended while its keeper was away"
NEVER_BEGAN = "its keeper was interrupted before it could start"


@dataclass(frozen=True, slots=True)
class Findings:
    alive: tuple[Record, ...]  # to be followed; pid and starttime are filled in
    unwritten: tuple[Record, ...]  # likewise, but known only from their environment
    lost: tuple[tuple[Record, str], ...]  # ended, and why we think so
    ended: tuple[Record, ...]  # were known to have ended
    strays: tuple[int, ...]  # processes of lives that nobody wants


def look_around(records: Sequence[Record], *, same_boot: bool, prefix: str) -> Findings:
    """`prefix` is what the markers of all lives of this keeper begin with."""
    marked = procfs.marked(prefix) if same_boot else {}
    alive: list[Record] = []
    lost: list[tuple[Record, str]] = []
    for record in records:
        if record.ending is not None:
            continue
        if not same_boot:
            lost.append((record, REBOOTED))
        elif _find(record, marked):
            alive.append(record)
        else:
            lost.append((record, MISSED if record.pid else NEVER_BEGAN))
    names = {record.name for record in alive}
    found = (_from_environment(m, pids, prefix) for m, pids in marked.items())
    unwritten = tuple(r for r in found if r is not None and r.name not in names)
    wanted = {record.marker for record in (*alive, *unwritten)}
    strays = (pid for marker, pids in marked.items() if marker not in wanted for pid in pids)
    ended = tuple(record for record in records if record.ending is not None)
    lost_markers = {record.marker for record, _ in lost}
    assert not wanted & lost_markers, "a life cannot be both"
    return Findings(tuple(alive), unwritten, tuple(lost), ended, tuple(strays))


def _find(record: Record, marked: Mapping[str, list[int]]) -> bool:
    """Is its main process there? One whose pid was not yet written down is known by its marker."""
    if record.pid:
        return procfs.starttime(record.pid) == record.starttime or procfs.is_unwaited_child(
            record.pid, record.starttime
        )
    for pid in marked.get(record.marker, []):
        started = procfs.starttime(pid)
        if started is not None and procfs.session(pid) == pid:
            record.pid, record.starttime = pid, started
            return True
    return False


def _from_environment(marker: str, pids: Sequence[int], prefix: str) -> Record | None:
    """The record of a replica that was never written down, or whose record is lost."""
    name, _, rest = marker.removeprefix(f"{prefix}.").partition(".")
    incarnation = rest.partition(".")[0]
    for pid in pids:
        started = procfs.starttime(pid)
        told = procfs.environ(pid)
        tags = _tags(told)
        is_main = procfs.session(pid) == pid and told.get("HW_REPLICA") == name
        if started is None or not is_main or tags is None or not incarnation.isdecimal():
            continue
        return Record(
            name=name,
            incarnation=int(incarnation),
            marker=marker,
            started_s=_monotonic_s(started),
            tags=tags,
            pid=pid,
            starttime=started,
        )
    return None


def _tags(told: Mapping[str, str]) -> dict[str, Any] | None:
    """What the engine would have written beside it. Its failed attempts before are forgotten."""
    try:
        return {
            "service": told["HW_SERVICE"],
            "release": told["HW_RELEASE"],
            "attempt": 0,
            "host": os.uname().nodename.partition(".")[0],
            "port": int(told["PORT"]),
            "control": "HW_CONTROL" in told,
        }
    except (KeyError, ValueError):
        return None


def _monotonic_s(started_ticks: int) -> float:
    """Ticks since boot as seconds of CLOCK_MONOTONIC, which does not count a suspended machine."""
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - started_ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age_s
