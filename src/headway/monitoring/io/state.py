"""What the parts of a store share, and its limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from headway.model.errors import StorageError
from headway.monitoring import upkeep
from headway.monitoring.codec import CELLS_MAX
from headway.monitoring.head import Head
from headway.monitoring.io.folder import Folder
from headway.monitoring.io.log import Log
from headway.monitoring.io.shelf import Shelf
from headway.monitoring.upkeep import LEVELS, Level


@dataclass(frozen=True, slots=True)
class Limits:
    series_per_target: int = 10_000
    series_per_service: int = 200_000
    memory_bytes: int = 256 << 20  # of the newest samples
    disk_bytes: int = 50 << 30
    levels: Sequence[Level] = LEVELS
    sync: bool = True  # wait at each commit until the disk has it

    def __post_init__(self) -> None:
        reason = upkeep.check(self.levels)
        if reason:
            raise StorageError(f"levels: {reason}", remedy="change how long samples are kept")
        assert self.series_per_target < CELLS_MAX, "a frame holds at least one sample of each"


@dataclass(frozen=True, slots=True)
class Appended:
    samples: int
    refused: int  # series that are too many for their target or service
    late: bool = False  # not newer than what the target had told already: nothing was taken


@dataclass(slots=True)
class Figures:
    """Since the store was opened."""

    samples: int = 0  # committed
    samples_refused: int = 0  # for want of room
    rows_late: int = 0
    series_refused: int = 0  # summed over rows
    damages: int = 0


@dataclass(slots=True)
class State:
    """What the store's parts share; `lock` is held for moments, `commits` while writing the log."""

    folder: Folder
    shelf: Shelf
    head: Head
    log: Log
    limits: Limits
    tell: Callable[[str], None]
    figures: Figures
    # Of the log; what could be read of them is in memory, so they go once that is cut.
    damaged_segments: list[Path]
    lock: Lock = field(default_factory=Lock)
    commits: Lock = field(default_factory=Lock)
    upkeep: Lock = field(default_factory=Lock)  # held while blocks are made and removed
