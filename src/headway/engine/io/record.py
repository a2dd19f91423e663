"""What the keeper writes down about each life. Never a value of its environment."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Ending:
    at_s: float
    status: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A process that the keeper starts again by itself; its command holds no secrets."""

    argv: tuple[str, ...]
    directory: str
    restarts: int


@dataclass(slots=True)
class Record:
    """One life. Times are seconds of CLOCK_MONOTONIC, the same for every process of this boot."""

    name: str
    incarnation: int
    marker: str  # value of HW_LIFE in the environment of the whole tree
    started_s: float
    tags: dict[str, Any]  # the client's own words, handed back as they came
    memory_bytes: int | None = None
    cpu: float | None = None
    pid: int = 0  # 0: meant to be started, not known to be
    starttime: int = 0  # of the pid, in ticks since boot: tells it from a later one of that number
    leaf: str = ""  # its cgroup v2
    draining_s: float | None = None
    stopping_s: float | None = None
    kill_at_s: float | None = None
    ending: Ending | None = None
    kept: Kept | None = None
    notes: dict[str, Any] = field(default_factory=dict)  # facts the client wants back after a crash

    def to_json(self) -> dict[str, Any]:
        """Not `asdict`, which copies deeply: this is done for every life at every change."""
        data = {name: getattr(self, name) for name in self.__slots__}
        if self.ending is not None:
            data["ending"] = asdict(self.ending)
        if self.kept is not None:
            data["kept"] = asdict(self.kept)
        return data


def from_json(data: dict[str, Any]) -> Record:
    """Raises TypeError, KeyError or ValueError when it is not what `to_json` wrote."""
    fields = dict(data)
    if fields.get("ending") is not None:
        fields["ending"] = Ending(**fields["ending"])
    if fields.get("kept") is not None:
        kept = fields["kept"]
        fields["kept"] = Kept(tuple(kept["argv"]), kept["directory"], kept["restarts"])
    return Record(**fields)
