"""Processes of Headway whose state folder was removed: they run on, and nobody can manage them."""

import os
from collections.abc import Iterator
from pathlib import Path

from headway.api.address import LOCK_NAME
from headway.api.control import Fact, Level

KEEPER, HEADWAYD = "headway.engine.io.keeper", "headway.daemon"
KEEPER_LOCK = "keeper.lock"


def orphans() -> list[Fact]:
    """Nothing when there are none. Each with what ends it: a removed folder is not brought back."""
    found = sorted(_processes(), key=lambda one: one[0] != HEADWAYD)
    return [
        Fact(
            f"pid {pid}",
            Level.FAIL,
            f"{_called(module)} of {folder}, a state folder that was removed; what it started "
            "serves on and cannot be managed",
            f"kill {pid}{' ends it and all that it started' if module == KEEPER else ''}; "
            "bring a site down before its folder is removed",
        )
        for module, pid, folder in found
    ]


def _called(module: str) -> str:
    return "the keeper" if module == KEEPER else "headwayd"


def _processes() -> Iterator[tuple[str, int, str]]:
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            if process.stat().st_uid != os.geteuid():
                continue
            words = [os.fsdecode(w) for w in (process / "cmdline").read_bytes().split(b"\0")]
        except OSError:
            continue  # it has just ended
        folder = _folder(words)
        if folder is not None and not (folder[1] / folder[2]).exists():
            yield folder[0], int(process.name), str(folder[1])


def _folder(words: list[str]) -> tuple[str, Path, str] | None:
    """Which module, whose folder, and the file that is there while it is looked after."""
    if "-m" not in words[:4]:
        return None
    module, rest = words[words.index("-m") + 1], words[words.index("-m") + 2 :]
    if module == KEEPER and rest:
        return module, Path(rest[0]), KEEPER_LOCK
    if module == HEADWAYD and "--home" in rest[:-1] and "--check" not in rest:
        return module, Path(rest[rest.index("--home") + 1]), LOCK_NAME
    return None
