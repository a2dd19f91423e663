"""Custody of the journal and of headwayd's own code: backup, restore, upgrade.

A restore and an upgrade end in the same way: `hand_over` is called, and headwayd goes on as a new
program in the same process, with the same socket. Nothing that runs notices.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import headway
from headway.api.address import journal_path
from headway.api.candidate import Candidate, check_reads_all, look_at_candidate
from headway.api.control import BadRequestError, ConflictError, JournalView, NotFoundError
from headway.api.custody_views import BackupView, RestoreView, UpgradeView
from headway.api.leavings import clear
from headway.api.restoring import prepare, prepared_path
from headway.api.running import Running
from headway.journal.io.copies import copy_to
from headway.journal.io.sqlite import SCHEMA_HEAD, SqliteJournal
from headway.loop.ports import Clock
from headway.model.actor import Actor
from headway.model.errors import JournalError
from headway.model.event import Event
from headway.model.ids import EnvironmentId

LOOK_S_MAX = 5.0  # then whoever asked has to ask again
BEING_RESTORED = "the journal is being replaced by a backup"


@dataclass(frozen=True, slots=True)
class Succession:
    """What the next program of this process is to do differently."""

    renew_keepers: bool = False
    restored_as: Path | None = None  # the prepared journal takes the place of this one, kept here


class LiveCustody:
    """Implements `headway.api.custody_views.Custody`."""

    def __init__(
        self,
        *,
        home: Path,
        journal: SqliteJournal,
        clock: Clock,
        running: Mapping[EnvironmentId, Running],
        changing: asyncio.Lock,
        hand_over: Callable[[Succession], None],
    ) -> None:
        self._home = home
        self._journal = journal
        self._clock = clock
        self._running = running
        self._changing = changing
        self._hand_over = hand_over
        self._is_leaving = False
        self._looking: asyncio.Task[Candidate] | None = None

    async def backup(self, file: str, actor: Actor) -> BackupView:
        target = self._file(file)
        async with self._changing:
            copied = await asyncio.to_thread(copy_to, journal_path(self._home), target, SCHEMA_HEAD)
            await self._record("backup", f"the journal was copied to {target}", actor)
        return BackupView(str(target), copied.size_bytes, copied.environments)

    async def restore(self, file: str, actor: Actor) -> RestoreView:
        source = self._file(file)
        now = self._clock.now()
        kept_as = self._home / f"journal.before-restore-{now:%Y%m%dT%H%M%S%fZ}.db"
        text = f"restored from {source}; the journal before it is {kept_as.name}"
        said = Event(now, None, "restore", "journal", text, actor.name, {"kept_as": kept_as.name})
        async with self._changing:
            self._check_free()
            await self._journal.record([said])
            # From here on no wish is recorded that would be lost with the old journal.
            self._journal.sealed = BEING_RESTORED
            try:
                found = await prepare(
                    source,
                    prepared_path(self._home),
                    now={running.stored.id: running.stored for running in self._running.values()},
                    overrides=self._journal.overrides,
                    epoch=self._journal.epoch,
                    said=said,
                )
            except BaseException:
                self._journal.sealed = ""
                raise
            self._leave(Succession(restored_as=kept_as))
        return RestoreView(str(source), found.environments, found.taken_along, str(kept_as))

    async def upgrade(self, actor: Actor) -> UpgradeView:
        if self._looking is None:
            self._looking = asyncio.create_task(look_at_candidate(self._home), name="candidate")
        done, _ = await asyncio.wait({self._looking}, timeout=LOOK_S_MAX)
        if not done:
            return UpgradeView(headway.__version__, "")
        looked, self._looking = self._looking, None
        candidate = looked.result()
        async with self._changing:
            self._check_free()
            readable = {
                str(name) for name, r in self._running.items() if not r.environment.wanted.held
            }
            check_reads_all(candidate, readable)
            text = f"headwayd goes on as {candidate.version}; it was {headway.__version__}"
            await self._record("upgrade", text, actor)
            self._leave(Succession(renew_keepers=True))
        return UpgradeView(headway.__version__, candidate.version)

    async def purge(self, environment: EnvironmentId, actor: Actor) -> str:
        folder = self._home / environment.site / environment.name
        if not folder.is_dir():
            raise NotFoundError(
                f"{environment} does not run and has left nothing", remedy="headway envs"
            )
        await self._record("purge", f"what {environment} had left is removed", actor)
        await asyncio.to_thread(clear, folder, keep_logs=False)
        await self._journal.forget_events(environment)
        return f"{environment} was down already; its logs and its part of the journal are removed"

    def _leave(self, succession: Succession) -> None:
        self._is_leaving = True
        self._hand_over(succession)

    def _check_free(self) -> None:
        if self._is_leaving:
            raise ConflictError(
                "headwayd is being replaced already", remedy="try again in a moment"
            )
        for running in self._running.values():
            if running.replacing is not None and not running.replacing.done():
                raise ConflictError(
                    f"the Envoy of {running.stored.id} is being replaced",
                    remedy="try again when it is done: headway status",
                )

    def _file(self, name: str) -> Path:
        """Nothing of ours is a backup, and nothing is looked for where the daemon stands."""
        path = Path(name)
        if not path.is_absolute() or "\0" in name:
            raise BadRequestError(f"{name!r} is no absolute path", remedy="begin it with `/`")
        path = Path(os.path.normpath(path))
        if path == journal_path(self._home):
            raise BadRequestError(
                f"{path} is the journal in use", remedy="name another file for the backup"
            )
        return path

    async def _record(self, kind: str, text: str, actor: Actor) -> None:
        event = Event(self._clock.now(), None, kind, "journal", text, actor.name, {})
        await self._journal.record([event])


async def journal_view(journal: SqliteJournal) -> JournalView:
    """How it is, for a status."""
    if journal.full:
        return JournalView(False, "the disk is full: only restart, eject and drain go on")
    try:
        count, size_bytes = await journal.size()
    except JournalError as error:
        return JournalView(False, str(error))
    if not journal.has_reserve:
        return JournalView(False, "the disk is nearly full: no room is set aside any more")
    return JournalView(True, f"{count:,} events, {size_bytes / 1e6:.1f} MB")
