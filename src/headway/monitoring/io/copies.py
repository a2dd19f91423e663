"""Whole copies of a store, made while it is in use, and put back when it is not.

A copy holds everything that was committed at one moment. Blocks never change, so they are linked
where the file system allows; the log is copied up to the end of a commit. A folder that bears its
final name is whole, also after a crash.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from headway.model.errors import StorageError
from headway.monitoring.codec import DamagedError
from headway.monitoring.io.folder import Folder, in_words, sync_directory
from headway.monitoring.io.shelf import Shelf
from headway.monitoring.io.state import State
from headway.monitoring.io.store import Store


def backup(store: Store, target: Path) -> int:
    """Copy to a new folder; how many files that were. Upkeep waits meanwhile, ingest does not."""
    if target.exists():
        raise StorageError(f"{target} is there already", remedy="name a folder that is not")
    unborn = target.with_name(f".{target.name}.new")
    state = store.state
    try:
        with in_words(target), state.upkeep:
            shutil.rmtree(unborn, ignore_errors=True)
            for name in ("blocks", "log"):
                (unborn / name).mkdir(mode=0o700, parents=True)
            count = _copied(state, unborn)
            for folder in (unborn / "blocks", unborn / "log", unborn):
                sync_directory(folder)
            unborn.rename(target)
            sync_directory(target.parent)
            return count
    finally:
        shutil.rmtree(unborn, ignore_errors=True)


def restore(copy: Path, directory: Path, tell: Callable[[str], None]) -> Path | None:
    """Put a copy in a store's place. What was there is kept beside it: where."""
    if not (copy / "blocks").is_dir() or not (copy / "log").is_dir():
        raise StorageError(f"{copy} is no copy of a store", remedy="name one that backup made")
    unborn = directory.with_name(f".{directory.name}.restored")
    shutil.rmtree(unborn, ignore_errors=True)
    try:
        with in_words(directory):
            shutil.copytree(copy, unborn)
            _check(unborn)
            aside = _moved_away(directory)
            unborn.rename(directory)
            sync_directory(directory.parent)
    finally:
        shutil.rmtree(unborn, ignore_errors=True)
    if aside is not None:
        tell(f"{directory} was restored from {copy}; what was there is kept as {aside}")
    return aside


def _copied(state: State, target: Path) -> int:
    with state.commits:
        with state.lock:
            blocks = list(state.shelf.sizes)
        log = state.log.whole()
    for block in blocks:
        _link_or_copy(state.shelf.path(block), target / "blocks" / block.file_name)
    for path, size_bytes in log:
        with path.open("rb") as source, (target / "log" / path.name).open("xb") as sink:
            sink.write(source.read(size_bytes))
            sink.flush()
            os.fdatasync(sink.fileno())
    return len(blocks) + len(log)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _check(directory: Path) -> None:
    """Damage is found before the old store is moved away."""
    folder = Folder(directory)
    try:
        shelf = Shelf(folder, _refuse)
        for block in shelf.sizes:
            with shelf.reading(block) as reader:
                for entry in reader.entries():
                    reader.whole(entry)
    except DamagedError as error:
        raise StorageError(f"{directory}: {error}", remedy="name an older copy") from error
    finally:
        folder.close()


def _refuse(damage: str) -> None:
    raise StorageError(f"the copy is damaged: {damage}", remedy="name an older copy")


def _moved_away(directory: Path) -> Path | None:
    if not directory.exists():
        return None
    Folder(directory).close()  # refuses while another process has it
    number = 1
    while (aside := directory.with_name(f"{directory.name}.before-{number}")).exists():
        number += 1
    directory.rename(aside)
    return aside
