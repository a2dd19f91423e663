"""What a new keeper makes of what an earlier one left behind: adopt, give up, or kill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headway.engine.io import procfs
from headway.engine.io.record import Record

REBOOTED = "the machine was started anew"
MISSED = "ended while its keeper was away"
NEVER_BEGAN = "its keeper was interrupted before it could start"


@dataclass(frozen=True, slots=True)
class Findings:
    alive: tuple[Record, ...]  # to be followed; pid and starttime are filled in
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
    wanted = {record.marker for record in alive}
    strays = (pid for marker, pids in marked.items() if marker not in wanted for pid in pids)
    ended = tuple(record for record in records if record.ending is not None)
    lost_markers = {record.marker for record, _ in lost}
    assert not wanted & lost_markers, "a life cannot be both"
    return Findings(tuple(alive), tuple(lost), ended, tuple(strays))


def _find(record: Record, marked: Mapping[str, list[int]]) -> bool:
    """Is its main process there? One whose pid was not yet written down is known by its marker."""
    if record.pid:
        return procfs.starttime(record.pid) == record.starttime
    for pid in marked.get(record.marker, []):
        started = procfs.starttime(pid)
        if started is not None and procfs.session(pid) == pid:
            record.pid, record.starttime = pid, started
            return True
    return False
