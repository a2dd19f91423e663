"""A restore for a home that no headwayd can look after, because its journal cannot be read."""

import fcntl
import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from headway.api.address import journal_path, lock_path
from headway.api.control import ConflictError
from headway.api.peer import user_name
from headway.api.restoring import prepare, prepared_path
from headway.journal.io.copies import put_in_place
from headway.model.event import Event
from headway.model.ids import EnvironmentId
from headway.model.override import Override

KEEPER_FILE_BYTES_MAX = 64 << 20


async def restore_offline(home: Path, source: Path) -> dict[str, object]:
    """Raises HeadwayError, also when a headwayd runs after all."""
    now = datetime.now(UTC)
    kept_as = home / f"journal.before-restore-{now:%Y%m%dT%H%M%S%fZ}.db"
    text = f"restored from {source} without headwayd; the journal before it is {kept_as.name}"
    actor = user_name(os.geteuid())
    said = Event(now, None, "restore", "journal", text, actor, {"kept_as": kept_as.name})
    lock = os.open(lock_path(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                "a headwayd has this home in use but does not answer",
                remedy="look at headwayd.log, and try again when it answers or is gone",
            ) from None
        prepared = prepared_path(home)
        found = await prepare(
            source, prepared, now={}, overrides=_none, epoch=_epoch(home), said=said
        )
        put_in_place(prepared, journal_path(home), kept_as)
    finally:
        os.close(lock)
    return {
        "file": str(source),
        "environments": found.environments,
        "taken_along": (),
        "kept_as": str(kept_as),
    }


async def _none(environment: EnvironmentId) -> tuple[Override, ...]:
    del environment
    return ()


def _epoch(home: Path) -> int:
    """The newest that any keeper has obeyed: it would refuse an older one."""
    epoch = 0
    for file in home.glob("*/*/keeper.json"):
        with suppress(OSError, ValueError, TypeError, KeyError), file.open("rb") as stream:
            epoch = max(epoch, int(json.loads(stream.read(KEEPER_FILE_BYTES_MAX))["epoch"]))
    return epoch
