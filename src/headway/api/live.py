"""`Control` over environments that really run. Records a wish, wakes the loop, returns at once.

Who builds an environment's parts (engine, Envoy, loop) is not known here: `daemon.py` hands over
`assemble`. Every wish is in the journal before the loop sees it.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import headway
from headway.api import wishes
from headway.api.control import (
    AcceptedView,
    ApplyView,
    ConflictError,
    DaemonView,
    DenialView,
    EnvironmentView,
    EventPage,
    EventView,
    Fact,
    LogPage,
    NotFoundError,
    PlanView,
    SiteSource,
    StalePlanError,
    StatusView,
    WhyView,
)
from headway.api.custody import journal_view
from headway.api.custody_views import Custody
from headway.api.denials import Denials
from headway.api.draft import Draft, check_directory, check_entry_port, draft, to_store
from headway.api.history import why_view
from headway.api.plans import counted, plan_view
from headway.api.running import Running
from headway.api.token_views import Keyring
from headway.api.views import worst
from headway.journal.io.sqlite import SqliteJournal
from headway.journal.rows import StoredEnvironment
from headway.loop.ports import Clock
from headway.loop.turn import Wanted
from headway.model.actor import Actor
from headway.model.desired import Desired, DesiredService
from headway.model.errors import EngineError
from headway.model.event import Event
from headway.model.ids import EnvironmentId, PlanId, ReplicaId, ServiceName
from headway.model.site import Site

WHY_EVENTS_MAX = 40

Assemble = Callable[[StoredEnvironment, Site, Desired, Wanted], Running]
Claim = Callable[[StoredEnvironment], Awaitable[None]]  # its ports; EngineError when taken


class LiveControl:
    """Implements `headway.api.control.Control`."""

    def __init__(
        self,
        *,
        home: Path,
        journal: SqliteJournal,
        clock: Clock,
        assemble: Assemble,
        claim: Claim,
        started_at: datetime,
        keyring: Keyring,
        custody: Callable[[Mapping[EnvironmentId, Running], asyncio.Lock], Custody],
    ) -> None:
        self.keyring = keyring
        self._denials = Denials(journal.record, clock.now)
        self._home = home
        self._journal = journal
        self._clock = clock
        self._assemble = assemble
        self._claim = claim
        self._started_at = started_at
        self._running: dict[EnvironmentId, Running] = {}
        self.changing = asyncio.Lock()  # one environment comes, changes or goes at a time
        self.custody = custody(self._running, self.changing)

    # What the daemon calls.
    def adopt(self, running: Running) -> None:
        self._running[running.stored.id] = running

    def dismiss(self, environment: EnvironmentId) -> None:
        """Nothing of it is left."""
        self._running.pop(environment, None)

    def runs(self, environment: EnvironmentId) -> bool:
        return environment in self._running

    @property
    def is_idle(self) -> bool:
        """Nothing runs, and nobody is about to change that."""
        return not self._running and not self.changing.locked()

    # What the faces call.
    async def daemon(self) -> DaemonView:
        return DaemonView(headway.__version__, os.getpid(), self._started_at, str(self._home))

    async def doctor(self) -> tuple[Fact, ...]:
        return tuple(fact for running in self._running.values() for fact in running.doctor())

    async def environments(self) -> tuple[EnvironmentView, ...]:
        # Side by side: one whose Envoy hangs keeps nobody waiting for the others.
        views = await asyncio.gather(*(self.status(name) for name in sorted(self._running)))
        return tuple(
            EnvironmentView(
                id=view.id,
                settled=view.settled,
                failed=view.failed,
                desired_count=sum(s.desired_count for s in view.services),
                ready_count=sum(s.ready_count for s in view.services),
                entry_url=view.entry_url,
                state="going down" if view.going_down else worst(view),
                file=view.file,
                digest=view.digest,
                applied_at=view.applied_at,
            )
            for view in views
        )

    async def status(self, environment: EnvironmentId) -> StatusView:
        running = self._find(environment)
        return await running.status(self._clock.now(), await journal_view(self._journal))

    async def plan(self, source: SiteSource, environment: EnvironmentId, actor: Actor) -> PlanView:
        del actor  # authorized by the route
        made = await self._draft(source, environment)
        return plan_view(made, environment, self._running.get(environment))

    async def apply(
        self,
        source: SiteSource,
        environment: EnvironmentId,
        actor: Actor,
        *,
        plan: PlanId | None,
        take_over: bool,
    ) -> ApplyView:
        async with self.changing:
            made = await self._draft(source, environment)
            view = plan_view(made, environment, self._running.get(environment))
            if plan is not None and plan != view.id:
                raise StalePlanError(
                    f"plan {plan} is not what would happen now",
                    remedy="the description or what runs has changed since: headway plan",
                )
            running = self._running.get(environment)
            if running is not None and view.unchanged and not running.stored.going_down:
                return ApplyView(environment, True, running.stored.digest[:7], view)
            if running is not None and not take_over:
                check_directory(source, running.stored)
            check_entry_port(made.described, running.described if running else None)
            stored = to_store(source, environment, made, self._clock.now())
            text = f"applied {source.file}: {counted(view)}"
            event = self._event(environment, "apply", str(environment), text, actor)
            await self._journal.put_environment(stored, [event])
            if running is None:
                made, stored = await self._with_ports(source, made, stored)
            await self._take_on(stored, made.site, made.described)
            return ApplyView(environment, False, stored.digest[:7], view)

    async def down(self, environment: EnvironmentId, actor: Actor, *, purge: bool) -> AcceptedView:
        async with self.changing:
            if purge and environment not in self._running:
                return AcceptedView(await self.custody.purge(environment, actor))
            running = self._find(environment)
            stored = replace(running.stored, going_down=True, purge=purge)
            text = "going down, and its state and logs with it" if purge else "going down"
            event = self._event(environment, "down", str(environment), text, actor)
            await self._journal.put_environment(stored, [event])
            running.wish(stored, running.described)
            return AcceptedView(f"{environment} is {text}")

    async def why(self, environment: EnvironmentId, service: ServiceName) -> WhyView:
        view = await self.status(environment)
        found = next((s for s in view.services if s.name == service), None)
        if found is None:
            raise self._no_service(environment, service)
        subjects = frozenset({str(service), *(str(r.id) for r in found.replicas)})
        events = await self._journal.events(
            environment, after=None, limit=WHY_EVENTS_MAX, kind=None, subjects=subjects
        )
        return why_view(found, view.trouble, [event for _, event in events])

    async def logs(
        self, environment: EnvironmentId, subject: str, *, lines: int, after: str | None
    ) -> LogPage:
        running = self._find(environment)
        last = running.environment.last
        steps = last.steps if last else {}
        step = steps.get(ServiceName(subject))
        if step is not None:
            replicas = tuple(r.id for r in step.replicas)
        else:
            everyone = {r.id for s in steps.values() for r in s.replicas}
            if subject not in everyone:
                raise self._no_service(environment, subject)
            replicas = (ReplicaId(subject),)
        return await asyncio.to_thread(running.logs.page, replicas, lines, after)

    async def events(
        self,
        environment: EnvironmentId | None,
        *,
        after: int | None,
        limit: int,
        kind: str | None,
    ) -> EventPage:
        found = await self._journal.events(environment, after=after, limit=limit, kind=kind)
        last = found[-1][0] if found else after or 0
        return EventPage(tuple(EventView(number, event) for number, event in found), last)

    async def scale(
        self,
        environment: EnvironmentId,
        service: ServiceName,
        count: int,
        *,
        for_s: float,
        reason: str,
        actor: Actor,
    ) -> AcceptedView:
        running = self._find(environment)
        wanted = self._service(running, service)
        wish = wishes.scale(wanted, count, self._by(actor, reason), for_s=for_s)
        wishes.check_room(running.described, running.environment.wanted.overrides, wish)
        return await self._override(running, wish, actor)

    async def restart(
        self, environment: EnvironmentId, service: ServiceName, *, reason: str, actor: Actor
    ) -> AcceptedView:
        running = self._find(environment)
        self._service(running, service)
        wish = wishes.restart(service, self._by(actor, reason))
        return await self._override(running, wish, actor)

    async def drain(
        self, environment: EnvironmentId, replica: ReplicaId, *, reason: str, actor: Actor
    ) -> AcceptedView:
        running = self._find(environment)
        last = running.environment.last
        steps = last.steps.values() if last else ()
        found = {r.id: s.desired.service.name for s in steps for r in s.replicas}
        if replica not in found:
            raise NotFoundError(
                f"{environment} has no replica `{replica}`", remedy="headway status --replicas"
            )
        wish = wishes.drain(found[replica], replica, self._by(actor, reason))
        return await self._override(running, wish, actor)

    async def log_level(
        self,
        environment: EnvironmentId,
        service: ServiceName,
        level: str,
        *,
        for_s: float,
        reason: str,
        actor: Actor,
    ) -> AcceptedView:
        running, by = self._find(environment), self._by(actor, reason)
        self._service(running, service)
        last, wanted = running.environment.last, running.environment.wanted
        step = last.steps.get(service) if last else None
        wish: wishes.Wish | None
        if level:
            replicas = step.replicas if step else ()
            wish = wishes.log_at(service, level, by, for_s=for_s, replicas=replicas)
        else:
            wish = wishes.log_as_before(service, by, wanted.overrides)
        if wish is None:
            return AcceptedView(f"{service} logs at its own level already")
        return await self._override(running, wish, actor)

    async def replace_envoy(self, environment: EnvironmentId, actor: Actor) -> AcceptedView:
        running = self._find(environment)
        if running.replacing is not None and not running.replacing.done():
            raise ConflictError(
                f"the Envoy of {environment} is being replaced already",
                remedy="wait for it: headway status",
            )
        text = "Envoy is replaced by a twin"
        event = self._event(environment, "replace-envoy", "envoy", text, actor)
        await self._journal.record([event])
        running.replacing = asyncio.create_task(running.replace_proxy(), name="replace Envoy")
        return AcceptedView(text)

    async def audit(self, denial: DenialView) -> None:
        await self._denials.tell(denial)

    def _find(self, environment: EnvironmentId) -> Running:
        running = self._running.get(environment)
        if running is None:
            raise NotFoundError(
                f"no environment {environment} runs here",
                remedy="headway status --all lists those that do",
            )
        return running

    def _service(self, running: Running, service: ServiceName) -> DesiredService:
        last = running.environment.last
        found = last.desired.services.get(service) if last else None
        found = found or running.described.services.get(service)
        if found is None:
            raise self._no_service(running.stored.id, service)
        if running.stored.going_down:
            raise ConflictError(
                f"{running.stored.id} is going down", remedy="headway up brings it back"
            )
        return found

    def _no_service(self, environment: EnvironmentId, name: str) -> NotFoundError:
        running = self._running.get(environment)
        known = ", ".join(sorted(running.described.services)) if running else "none"
        return NotFoundError(
            f"{environment} has no service or replica `{name}`", remedy=f"services: {known}"
        )

    async def _draft(
        self,
        source: SiteSource,
        environment: EnvironmentId,
        taken: AbstractSet[int] = frozenset(),
    ) -> Draft:
        running = self._running.get(environment)
        others = {r.stored.ports["block"] for e, r in self._running.items() if e != environment}
        return await draft(
            source,
            environment,
            known_ports=running.stored.ports if running else {},
            taken_blocks=others | taken,
            secrets_folder=self._home / "secrets",
        )

    async def _with_ports(
        self, source: SiteSource, made: Draft, stored: StoredEnvironment
    ) -> tuple[Draft, StoredEnvironment]:
        """Make the block of ports ours. One that was free a moment ago may be taken: once more."""
        try:
            await self._claim(stored)
        except EngineError:
            made = await self._draft(source, stored.id, {stored.ports["block"]})
            stored = to_store(source, stored.id, made, self._clock.now())
            await self._journal.put_environment(stored, [])
            await self._claim(stored)
        return made, stored

    async def _take_on(self, stored: StoredEnvironment, site: Site, described: Desired) -> None:
        """The journal has it; now the loop shall want it."""
        running = self._running.get(stored.id)
        if running is None:
            wanted = Wanted(described, await self._journal.overrides(stored.id))
            self.adopt(self._assemble(stored, site, described, wanted))
            return
        running.heed(site, described)
        running.wish(stored, described)

    def _by(self, actor: Actor, reason: str) -> wishes.By:
        return wishes.By(actor, reason, self._clock.now())

    async def _override(self, running: Running, wish: wishes.Wish, actor: Actor) -> AcceptedView:
        if running.stored.going_down:
            raise ConflictError(
                f"{running.stored.id} is going down", remedy="headway up brings it back"
            )
        override = wish.override
        wishes.check_few(running.environment.wanted.overrides, override)
        why = f" ({override.reason})" if override.reason else ""
        event = self._event(running.stored.id, wish.kind, wish.subject, wish.text + why, actor)
        number = await self._journal.add_override(running.stored.id, override, [event])
        before = running.environment.wanted
        overrides = wishes.with_wish(before.overrides, override)
        running.environment.wish(replace(before, overrides=overrides, version=before.version + 1))
        return AcceptedView(wish.text, number)

    def _event(
        self, environment: EnvironmentId, kind: str, subject: str, text: str, actor: Actor
    ) -> Event:
        return Event(self._clock.now(), environment, kind, subject, text, actor.name, {})
