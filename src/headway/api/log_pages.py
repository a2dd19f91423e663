"""Pages of replicas' logs: the last lines, or what was written since the page before.

The place where a page ended is a cursor of byte offsets, opaque to whoever asks. A log that was
cut meanwhile (the keeper bounds each file) is read from its new beginning.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from headway.api.control import BadRequestError, LogLine, LogPage
from headway.model.ids import ReplicaId

PAGE_BYTES_MAX = 1 << 20  # per replica
LINE_CHARS_MAX = 4096
CURSOR = re.compile(r"([A-Za-z0-9-]+):([0-9]{1,15})")


class LogFiles:
    """Satisfies `live.Logs`."""

    def __init__(self, path_of: Callable[[str], Path]) -> None:
        self._path_of = path_of

    def tail(self, replica: ReplicaId, lines: int) -> tuple[str, ...]:
        page = self.page((replica,), lines, None)
        return tuple(line.text for line in page.lines)

    def page(self, replicas: tuple[ReplicaId, ...], lines: int, after: str | None) -> LogPage:
        starts = _offsets(after) if after is not None else {}
        found: list[LogLine] = []
        ends: dict[str, int] = {}
        share = max(1, lines // max(1, len(replicas)))
        for replica in replicas:
            known = starts.get(replica) if after is not None else None
            texts, ends[replica] = _read(self._path_of(replica), known, share)
            found += [LogLine(replica, text) for text in texts]
        return LogPage(tuple(found), ",".join(f"{r}:{end}" for r, end in ends.items()))


def _read(path: Path, start: int | None, lines: int) -> tuple[list[str], int]:
    """Whole lines only; what is still being written comes with the next page."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            begin = max(0, size - PAGE_BYTES_MAX) if start is None or start > size else start
            file.seek(begin)
            data = file.read(PAGE_BYTES_MAX)
    except FileNotFoundError:
        return [], 0
    whole = data.rfind(b"\n") + 1
    if whole == 0 and len(data) == PAGE_BYTES_MAX:
        whole = len(data)  # one endless line: shown in pieces
    pieces = data[:whole].splitlines(keepends=True)
    if start is None:
        pieces = pieces[-lines:]
        return _texts(pieces), begin + whole
    pieces = pieces[:lines]
    return _texts(pieces), begin + sum(len(piece) for piece in pieces)


def _texts(pieces: Iterable[bytes]) -> list[str]:
    return [
        piece.decode("utf-8", "replace").rstrip("\r\n").replace("\x00", "")[:LINE_CHARS_MAX]
        for piece in pieces
    ]


def _offsets(cursor: str) -> dict[str, int]:
    parts = cursor.split(",") if cursor else []
    matches = [CURSOR.fullmatch(part) for part in parts]
    if any(match is None for match in matches):
        raise BadRequestError("that is not the `next` of a page", remedy="start without `after`")
    return {match[1]: int(match[2]) for match in matches if match is not None}
