"""One environment and its parts, as the daemon assembled them, and what a status says of them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from headway.api.control import EnvoyView, Fact, JournalView, LogPage, ServiceView, StatusView
from headway.api.views import service_view, unseen_view
from headway.journal.rows import StoredEnvironment
from headway.loop.environment import Environment
from headway.loop.turn import Turn, Wanted
from headway.model.desired import Desired
from headway.model.errors import EngineError, HeadwayError
from headway.model.ids import ReplicaId, ServiceName
from headway.model.observed import Phase
from headway.model.site import Site
from headway.planning.order import callers_first
from headway.planning.resolve import going_down

TAIL_LINES = 8
TAILS_MAX = 20


class Logs(Protocol):
    """Where replicas' output is read."""

    def tail(self, replica: ReplicaId, lines: int) -> tuple[str, ...]: ...

    def page(self, replicas: tuple[ReplicaId, ...], lines: int, after: str | None) -> LogPage: ...


class Proxy(Protocol):
    """The environment's Envoy, for people."""

    async def view(self) -> EnvoyView: ...

    async def replace(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Support:
    """What carries an environment beside its replicas, for the monitor."""

    keeper_pid: int = 0  # 0: none now
    envoy_pid: int = 0
    envoy_admin: str = ""  # its Unix socket; "": none now


@dataclass(slots=True)
class Running:
    """One environment and its parts, as assembled by the daemon."""

    stored: StoredEnvironment
    described: Desired  # what the description says, also while it goes down
    environment: Environment
    logs: Logs
    proxy: Proxy
    doctor: Callable[[], tuple[Fact, ...]]
    heed: Callable[[Site, Desired], None]  # engine and secrets learn of a new description
    support: Callable[[], Support] = Support
    replacing: asyncio.Task[None] | None = None
    proxy_failure: str = ""

    def wish(self, stored: StoredEnvironment, described: Desired) -> None:
        """The journal has it; now the loop shall want it."""
        self.stored, self.described = stored, described
        before = self.environment.wanted
        wish, overrides = described, before.overrides
        if stored.going_down:
            wish, overrides = going_down(described), ()  # nobody's wish outlives the environment
        self.environment.wish(Wanted(wish, overrides, before.version + 1))

    async def replace_proxy(self) -> None:
        try:
            await self.proxy.replace()
            self.proxy_failure = ""
        except HeadwayError as error:
            self.proxy_failure = f"Envoy was not replaced: {error}"

    async def status(self, now: datetime, journal: JournalView) -> StatusView:
        loop, stored, last = self.environment, self.stored, self.environment.last
        envoy = await self.proxy.view()
        trouble = (*loop.trouble, *([self.proxy_failure] if self.proxy_failure else []))
        services = self._unseen() if last is None else await self._services(last)
        is_seen = last is not None and last.wanted is loop.wanted
        settled = is_seen and envoy.ok and not trouble and all(s.settled for s in services)
        return StatusView(
            id=stored.id,
            at=now,
            digest=stored.digest[:7],
            file=str(Path(stored.directory) / Path(stored.file).name),
            applied_at=stored.applied_at,
            going_down=stored.going_down,
            settled=settled,
            failed=any(s.failed for s in services) or bool(trouble),
            services=services,
            entry_url=_entry_url(self.described) if envoy.ok else "",
            latency_budget_s=self.described.latency_budget_s,
            envoy=envoy,
            journal=journal,
            trouble=trouble,
        )

    def _unseen(self) -> tuple[ServiceView, ...]:
        """Before the first look: what is described, of which nothing is known yet."""
        services = self.described.services
        order = callers_first({name: wish.service for name, wish in services.items()})
        return tuple(unseen_view(services[name]) for name in order)

    async def _services(self, last: Turn) -> tuple[ServiceView, ...]:
        # Megabytes of logs may have to be read; the other environments do not wait for that.
        tails = await asyncio.to_thread(self._tails, last)
        return tuple(
            service_view(
                last.steps[name],
                turn=last,
                wanted=self.environment.wanted,
                failures=self.environment.failures,
                tails=tails,
            )
            for name in _shown(last)
        )

    def _tails(self, last: Turn) -> Mapping[ReplicaId, tuple[str, ...]]:
        """The last lines of those in trouble; nobody else's log is read for a status."""
        troubled = {Phase.FAILED, Phase.UNREADY}
        wanted = [
            r.id
            for step in last.steps.values()
            for r in step.replicas
            if r.phase in troubled
            or (r.id in self.environment.failures and r.phase is not Phase.READY)
        ]
        tails: dict[ReplicaId, tuple[str, ...]] = {}
        for replica in sorted(wanted)[:TAILS_MAX]:
            try:
                tails[replica] = self.logs.tail(replica, TAIL_LINES)
            except (OSError, EngineError):
                tails[replica] = ()
        return tails


def _shown(last: Turn) -> tuple[ServiceName, ...]:
    """Those that are wanted, then those that are leaving."""
    wanted = callers_first({name: s.service for name, s in last.desired.services.items()})
    gone = sorted(set(last.steps) - set(wanted))
    return tuple(name for name in (*wanted, *gone) if name in last.steps)


def _entry_url(described: Desired) -> str:
    entry = described.entry
    return f"http://localhost:{entry.port}/" if entry is not None else ""
