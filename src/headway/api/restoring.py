"""Make a backup fit for the world as it is now, before it takes the journal's place.

What runs is a fact that no backup can undo: an environment that runs keeps its ports, because its
processes know them, and one that the backup does not know is taken along, so that nothing runs
that nobody looks after. What is *wanted* comes from the backup, and the loop makes it so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headway.api.address import JOURNAL_NAME
from headway.api.draft import BLOCK
from headway.engine.io.blocks import ENVOY_PORTS, choose_block, is_free
from headway.journal.io.copies import check, copy_to
from headway.journal.io.sqlite import SCHEMA_HEAD, SqliteJournal, open_journal
from headway.journal.rows import StoredEnvironment
from headway.model.event import Event
from headway.model.ids import EnvironmentId
from headway.model.override import Override

PREPARED_NAME = "journal.restoring"
REHEARSAL_NAME = "journal.rehearsal"

Overrides = Callable[[EnvironmentId], Awaitable[Sequence[Override]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    environments: tuple[str, ...]
    taken_along: tuple[str, ...]


def prepared_path(home: Path) -> Path:
    return home / PREPARED_NAME


async def prepare(
    source: Path,
    target: Path,
    *,
    now: Mapping[EnvironmentId, StoredEnvironment],
    overrides: Overrides,
    epoch: int,
    said: Event,
) -> Prepared:
    """Raises JournalError when `source` cannot be trusted; then nothing has changed."""
    forget(target)
    await asyncio.to_thread(_copy, source, target)
    journal = await open_journal(target)
    try:
        stored = await journal.environments()
        await _fit(journal, stored, now)
        known = {environment.id for environment in stored}
        along = [environment for name, environment in now.items() if name not in known]
        for environment in along:
            await journal.put_environment(environment, [])
            for override in await overrides(environment.id):
                await journal.add_override(environment.id, override, [])
        await journal.raise_epoch(epoch)
        await journal.record([said])
    finally:
        await journal.close()
    return Prepared(
        tuple(sorted(str(e.id) for e in (*stored, *along))), tuple(str(e.id) for e in along)
    )


async def rehearse(home: Path) -> tuple[StoredEnvironment, ...]:
    """What this version makes of the journal in use, tried on a copy. Raises JournalError."""
    copy = home / REHEARSAL_NAME
    try:
        await asyncio.to_thread(copy_to, home / JOURNAL_NAME, copy, SCHEMA_HEAD)
        journal = await open_journal(copy)
        try:
            return await journal.environments()
        finally:
            await journal.close()
    finally:
        forget(copy)


def forget(prepared: Path) -> None:
    """What an interrupted restore has left."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        prepared.with_name(prepared.name + suffix).unlink(missing_ok=True)


def carried_ports(
    wanted: Mapping[str, int], known: Mapping[str, int], block: int
) -> dict[str, int]:
    """The keys of `wanted` in `block`, each at the port that is known already."""
    ports = {BLOCK: block, **{key: known[key] for key in wanted if key in known and key != BLOCK}}
    used = set(ports.values())
    free = (port for port in range(block + 1, block + 1 + ENVOY_PORTS) if port not in used)
    return {**ports, **{key: next(free) for key in wanted if key not in ports}}


async def _fit(
    journal: SqliteJournal,
    stored: Sequence[StoredEnvironment],
    now: Mapping[EnvironmentId, StoredEnvironment],
) -> None:
    taken = {environment.ports[BLOCK] for environment in now.values()}
    for environment in stored:
        runs = now.get(environment.id)
        if runs is not None:
            ports = carried_ports(environment.ports, runs.ports, runs.ports[BLOCK])
        elif environment.ports[BLOCK] in taken or not is_free(environment.ports[BLOCK]):
            block = await asyncio.to_thread(choose_block, str(environment.id), taken)
            ports = carried_ports(environment.ports, {}, block)
        else:
            ports = dict(environment.ports)
        taken.add(ports[BLOCK])
        if ports != environment.ports:
            await journal.put_environment(replace(environment, ports=ports), [])


def _copy(source: Path, target: Path) -> None:
    check(source, SCHEMA_HEAD)
    copy_to(source, target, SCHEMA_HEAD)
