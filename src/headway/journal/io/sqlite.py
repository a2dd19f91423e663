"""The journal in SQLite (WAL). Every call runs in the journal's one thread, in one transaction.

When the disk is full, the reserve (16 MB set aside at start) is given back once, so that what is
being done can still be written; after that `JournalFullError`, and the caller keeps its events.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from headway.journal.io.records import environment_row, read_environment, read_event
from headway.journal.io.reserve import set_reserve
from headway.journal.io.tables import environment, event, meta, override
from headway.journal.rows import (
    StoredEnvironment,
    override_from_json,
    override_to_json,
)
from headway.model.actor import HEADWAY
from headway.model.errors import JournalError, JournalFullError
from headway.model.event import Event
from headway.model.ids import EnvironmentId, ReplicaId
from headway.model.observed import Phase
from headway.model.override import Override

SCHEMA_HEAD = "0001"
EVENTS_PAGE_MAX = 5_000
EVENTS_KEPT = 200_000  # some 100 MB; hundreds of crash loops write as many in a few hours
PRUNE_EVERY = 1_000  # ids

T = TypeVar("T")


class SqliteJournal:
    """One file. Open it with `open_journal`."""

    def __init__(
        self, engine: Engine, reserve: Path, epoch: int, *, full: bool, events_kept: int
    ) -> None:
        self._engine = engine
        self._events_kept = events_kept
        self._reserve = reserve
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self.epoch = epoch
        self.full = full  # nothing could be written when it was tried last
        self.sealed = ""  # why nothing may be written any more
        self.has_reserve = set_reserve(reserve)

    async def record(self, events: Sequence[Event]) -> None:
        def insert(connection: Connection) -> None:
            last = _insert_events(connection, events)
            if last % PRUNE_EVERY < len(events):
                _prune(connection, last - self._events_kept)

        await self._write(insert)

    async def put_environment(self, stored: StoredEnvironment, events: Sequence[Event]) -> None:
        """What is wanted from now on; one transaction with the events that say who wanted it."""

        def put(connection: Connection) -> None:
            row = environment_row(stored)
            connection.execute(sa.delete(environment).where(environment.c.id == row["id"]))
            connection.execute(sa.insert(environment), [row])
            _insert_events(connection, events)

        await self._write(put)

    async def remove_environment(self, gone: EnvironmentId, events: Sequence[Event]) -> None:
        def remove(connection: Connection) -> None:
            connection.execute(sa.delete(environment).where(environment.c.id == str(gone)))
            connection.execute(sa.delete(override).where(override.c.environment == str(gone)))
            _insert_events(connection, events)

        await self._write(remove)

    async def forget_events(self, gone: EnvironmentId) -> None:
        await self._write(
            lambda c: c.execute(sa.delete(event).where(event.c.environment == str(gone)))
        )

    async def environments(self) -> tuple[StoredEnvironment, ...]:
        rows = await self._read(lambda c: c.execute(sa.select(environment)).all())
        return tuple(read_environment(row) for row in rows)

    async def add_override(
        self, where: EnvironmentId, added: Override, events: Sequence[Event]
    ) -> int:
        """Also drops those of this environment that have expired or that the new one replaces."""

        def add(connection: Connection) -> int:
            mine = override.c.environment == str(where)
            old = override.c.expires_at < added.made_at.isoformat()
            connection.execute(sa.delete(override).where(mine, old))
            rows = connection.execute(sa.select(override.c.id, override.c.body).where(mine)).all()
            replaced = [r.id for r in rows if added.replaces(override_from_json(r.body))]
            connection.execute(sa.delete(override).where(override.c.id.in_(replaced)))
            connection.execute(
                sa.insert(override).values(
                    environment=str(where),
                    expires_at=added.expires_at.isoformat(),
                    body=override_to_json(added),
                )
            )
            return _insert_events(connection, events)

        return await self._write(add)

    async def overrides(self, where: EnvironmentId) -> tuple[Override, ...]:
        query = sa.select(override.c.body).where(override.c.environment == str(where))
        rows = await self._read(lambda c: c.execute(query.order_by(override.c.id)).all())
        return tuple(override_from_json(row.body) for row in rows)

    async def events(
        self,
        where: EnvironmentId | None,
        *,
        after: int | None,
        limit: int,
        kind: str | None,
        subjects: frozenset[str] | None = None,
    ) -> tuple[tuple[int, Event], ...]:
        """The first `limit` events with an id above `after`, or without it the last; oldest first.

        `subjects` narrows them to events about these: a service, its replicas.
        """
        query = sa.select(event)
        if where is not None:
            query = query.where(event.c.environment == str(where))
        if kind is not None:
            query = query.where(event.c.kind == kind)
        if subjects is not None:
            query = query.where(event.c.subject.in_(sorted(subjects)))
        newest_first = after is None
        if after is not None:
            query = query.where(event.c.id > after)
        query = query.order_by(event.c.id.desc() if newest_first else event.c.id)
        query = query.limit(min(limit, EVENTS_PAGE_MAX))
        rows = await self._read(lambda c: c.execute(query).all())
        found = [(row.id, read_event(row)) for row in rows]
        return tuple(reversed(found) if newest_first else found)

    async def told_phases(self, where: EnvironmentId) -> dict[tuple[ReplicaId, int], Phase]:
        """What was told last of each life, as far as it was told lately."""
        query = sa.select(event.c.kind, event.c.subject, event.c.data)
        query = query.where(event.c.environment == str(where), event.c.kind.in_([*Phase]))
        query = query.order_by(event.c.id.desc()).limit(EVENTS_PAGE_MAX)
        rows = await self._read(lambda c: c.execute(query).all())
        newest_last = reversed([row for row in rows if "incarnation" in row.data])
        return {
            (ReplicaId(row.subject), int(row.data["incarnation"])): Phase(row.kind)
            for row in newest_last
        }

    async def size(self) -> tuple[int, int]:
        """Events, and bytes of the file."""
        query = sa.select(sa.func.count()).select_from(event)
        count = await self._read(lambda c: c.execute(query).scalar() or 0)
        pages = sa.text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return count, await self._read(lambda c: int(c.execute(pages).scalar_one()))

    async def raise_epoch(self, at_least: int) -> None:
        """Whoever opens it next is newer than everybody who had that epoch."""
        await self._write(lambda c: _set_epoch(c, max(at_least, _epoch(c))))

    async def close(self) -> None:
        await self._run(self._engine.dispose)
        self._thread.shutdown(wait=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def read() -> T:
            try:
                with self._engine.connect() as connection:
                    return work(connection)
            except sa.exc.SQLAlchemyError as error:
                raise _unusable(error) from error

        return await self._run(read)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        if self.sealed:
            raise JournalError(self.sealed, remedy="try again in a moment")

        def write() -> T:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except sa.exc.OperationalError as error:
                if not _is_full(error):
                    raise _unusable(error) from error
            except sa.exc.SQLAlchemyError as error:
                raise _unusable(error) from error
            return self._write_with_reserve(work)

        result = await self._run(write)
        self.full = False
        if not self.has_reserve:
            self.has_reserve = await self._run(lambda: set_reserve(self._reserve))
        return result

    def _write_with_reserve(self, work: Callable[[Connection], T]) -> T:
        self.full = True
        self.has_reserve = False
        with suppress(OSError):
            self._reserve.unlink()
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except sa.exc.SQLAlchemyError as error:
            raise _full(self._reserve.parent) from error


async def open_journal(path: Path, *, events_kept: int = EVENTS_KEPT) -> SqliteJournal:
    """Open or make the journal, bring its tables up to date, and take the next epoch."""
    reserve = path.with_suffix(".reserve")
    try:
        engine, epoch, full = await asyncio.to_thread(_begin, path, reserve)
    except sa.exc.DBAPIError as error:
        raise (_full(path.parent) if _is_full(error) else _unusable(error)) from error
    except sa.exc.SQLAlchemyError as error:
        raise _unusable(error) from error
    return SqliteJournal(engine, reserve, epoch, full=full, events_kept=events_kept)


def _begin(path: Path, reserve: Path) -> tuple[Engine, int, bool]:
    """Also the epoch, and whether it could not be written because the disk is full."""
    try:
        engine = _connect(path)
        _migrate(engine)
        return engine, _next_epoch(engine), False
    except sa.exc.DBAPIError as error:
        if not _is_full(error):
            raise
    with suppress(OSError):
        reserve.unlink()
    engine = _connect(path)
    _migrate(engine)
    try:
        return engine, _next_epoch(engine), False
    except sa.exc.DBAPIError as error:
        if not _is_full(error):
            raise
    # What runs is looked after all the same. Our successor may take the same epoch: by then we
    # are gone, because the home folder has one headwayd at a time.
    with engine.connect() as connection:
        return engine, _epoch(connection) + 1, True


def _connect(path: Path) -> Engine:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = sa.create_engine(
        f"sqlite:///{path}", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def _(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("PRAGMA journal_mode=WAL")
        # WAL with NORMAL loses at most the last moments on power loss, never consistency; a lost
        # decision is taken again by the next turn, because states are compared, not events.
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine


def _migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        known = sa.inspect(connection).has_table("alembic_version")
        query = sa.text("select version_num from alembic_version")
        at = connection.execute(query).scalar() if known else None
        if at == SCHEMA_HEAD:
            return
        if at is not None and str(at) > SCHEMA_HEAD:
            raise JournalError(
                f"the journal was written by a newer Headway (its tables are {at}, ours "
                f"{SCHEMA_HEAD})",
                remedy="install that Headway again, or another home folder with HEADWAY_HOME",
            )
    from alembic import command  # noqa: PLC0415 - 0.2 s that only the first start pays
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _next_epoch(engine: Engine) -> int:
    with engine.begin() as connection:
        epoch = _epoch(connection) + 1
        _set_epoch(connection, epoch)
    return epoch


def _set_epoch(connection: Connection, epoch: int) -> None:
    connection.execute(sa.delete(meta).where(meta.c.key == "epoch"))
    connection.execute(sa.insert(meta).values(key="epoch", value=str(epoch)))


def _epoch(connection: Connection) -> int:
    row = connection.execute(sa.select(meta.c.value).where(meta.c.key == "epoch")).first()
    return int(row.value) if row else 0


def _is_full(error: sa.exc.DBAPIError) -> bool:
    text = str(error.orig)
    return "disk is full" in text or "disk I/O error" in text


def _full(folder: Path) -> JournalFullError:
    return JournalFullError(
        "the journal cannot be written: the disk is full",
        remedy=f"make room on the file system of {folder}",
    )


def _unusable(error: Exception) -> JournalError:
    cause = str(getattr(error, "orig", error)).splitlines()[0]
    return JournalError(
        f"the journal cannot be used: {cause}",
        remedy="stop headwayd and put a backup of journal.db in its place; see headway doctor",
    )


def _insert_events(connection: Connection, events: Sequence[Event]) -> int:
    """Append, and return the id of the last (0 for none)."""
    last = 0
    for happened in events:
        values = {
            "at": happened.at.isoformat(),
            "environment": str(happened.environment or ""),
            "kind": happened.kind,
            "subject": happened.subject,
            "text": happened.text,
            "actor": happened.actor,
            "data": dict(happened.data),
        }
        key = connection.execute(sa.insert(event).values(values)).inserted_primary_key
        last = int(key[0]) if key else last
    return last


def _prune(connection: Connection, up_to: int) -> None:
    """What Headway did long ago is let go of; what people did is kept."""
    old = sa.and_(event.c.id <= up_to, event.c.actor == HEADWAY.name)
    connection.execute(sa.delete(event).where(old))
