"""Publish snapshots to Envoy as files that it watches; half a millisecond from rename to traffic.

Promises (tests/contracts/test_traffic.py holds them against the real Envoy):

* a changed structure is checked by the real Envoy first and refused *whole*; the old one stays. Who
  gets traffic is published even then: a refused change never keeps a dead replica in the endpoints;
* nothing refers to what Envoy does not have yet: endpoints, clusters, wait until they are warm,
  routes, listeners. A cluster that no route uses any more is removed after the longest request has
  ended;
* only what changed is written. After a restart of ours, what lies there counts as published.

When Envoy is not there the files are still written: it reads them when it starts.
"""

import asyncio
import contextlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from headway.model.desired import Desired
from headway.model.errors import TrafficError
from headway.model.ids import ReplicaId
from headway.model.rotation import Share
from headway.traffic.bootstrap import CLUSTERS_PATH
from headway.traffic.endpoints import read_back
from headway.traffic.io.admin import Admin, AdminUnreachableError
from headway.traffic.io.shelf import Shelf
from headway.traffic.io.validate import RefusedError, validate
from headway.traffic.io.watches import require_watches
from headway.traffic.listeners import ROUTES_PATH
from headway.traffic.publication import (
    Document,
    Documents,
    by_kind,
    disagreements,
    documents,
    endpoint_documents,
    resources_of,
    version_of,
)
from headway.traffic.resources import Resource, Snapshot
from headway.traffic.snapshot import structure, with_endpoints, with_retired

log = logging.getLogger(__name__)

TAKEN_WITHIN_S = 3.0
LOOK_EVERY_S = 0.005
# Requests that began on the old routes may be retried on the old cluster for this long.
RETIRED_KEPT_S = 15.0
TAKING_STATS = "^(cluster_manager|listener_manager)%5C.|%5C.rds%5C."
WARMING_STATS = ("cluster_manager.warming_clusters", "listener_manager.total_listeners_warming")
VERSION_STATS = "version_text$"


class FileTraffic:
    """Satisfies `loop.ports.Traffic`. `admins` gives every Envoy that reads these files now."""

    def __init__(
        self,
        *,
        directory: Path,
        binary: Path,
        admins: Callable[[], Sequence[Admin]],
        entry_address: str,
        workers: int,
        retired_kept_s: float,
    ) -> None:
        self._directory = directory
        self._binary = binary
        self._admins = admins
        self._entry_address = entry_address
        self._workers = workers
        self._retired_kept_s = retired_kept_s
        self._shelf = Shelf(directory)
        self._shelf.prepare()
        self._one_at_a_time = asyncio.Lock()
        self._written: dict[str, str] = {}  # path -> version
        self._clusters: dict[str, Resource] = {}  # all that Envoy was told of, by name
        self._retired_at: dict[str, float] = {}  # those that no route uses, and since when
        self._routed: frozenset[ReplicaId] = frozenset()
        self._approved = ""  # the structure that Envoy agreed to last
        self._refused: tuple[str, RefusedError] | None = None  # not asked again at each turn
        self._last: tuple[Desired, tuple[Share, ...]] | None = None
        self._wanted: tuple[Desired, Snapshot] | None = None  # the last description, worked out
        self._settled: Snapshot | None = None  # the structure that Envoy runs
        self._structure: tuple[Document, ...] = ()
        self._endpoints: tuple[Document, ...] = ()
        self._sweeper: asyncio.Task[None] | None = None
        self._read_back()

    async def publish(self, desired: Desired, rotation: Sequence[Share]) -> None:
        async with self._one_at_a_time:
            self._last = (desired, tuple(rotation))
            await self._publish(desired, rotation)
        if self._retired_at and (self._sweeper is None or self._sweeper.done()):
            self._sweeper = asyncio.create_task(self._sweep(), name="traffic: retired clusters")

    def routed(self) -> frozenset[ReplicaId]:
        return self._routed

    async def confirm(self) -> list[str]:
        """Sentences about what Envoy does not run as published; none when all is well."""
        said: list[str] = []
        for admin in self._admins():
            try:
                told = await admin.stats(VERSION_STATS)
                said += disagreements((*self._endpoints, *self._structure), told)
                said += _refusals(await admin.dump("dynamic_listeners"))
            except TrafficError as error:
                said.append(str(error))
        return said

    async def close(self) -> None:
        """End our own task; Envoy and its files stay as they are."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper

    def _read_back(self) -> None:
        """Envoy outlives us: what lies there is what it runs."""
        for path in (CLUSTERS_PATH, ROUTES_PATH):
            content = self._shelf.read(path) or b""
            if version := version_of(content):
                self._written[path] = version
            if path == CLUSTERS_PATH:
                self._clusters = {cluster.name: cluster for cluster in resources_of(content)}
        # The listeners are written anew: they may have been refused (a port in use) last time.
        replicas: set[str] = set()
        for path in self._shelf.list("./endpoints"):
            # What is damaged, or from a Headway that wrote it otherwise, is replaced or removed.
            version, members = read_back(self._shelf.read(path) or b"") or ("", ())
            self._written[path] = version
            replicas.update(member.replica for member in members)
        self._routed = frozenset(ReplicaId(r) for r in replicas)

    async def _publish(self, desired: Desired, rotation: Sequence[Share]) -> None:
        wanted = self._structure_of(desired)
        # First of all, and whatever becomes of the rest: nobody dead stays in the endpoints.
        self._write_endpoints(Snapshot(self._known(), (), (), (), frozenset()), rotation)
        if wanted is self._settled and not self._retired_at:
            return
        await self._approve(wanted)
        self._retire(wanted)
        whole = with_retired(wanted, [self._clusters[name] for name in self._retired_at])
        await self._restructure(self._write_endpoints(whole, rotation))
        self._start_of_retirement()
        self._settled = wanted

    def _structure_of(self, desired: Desired) -> Snapshot:
        if self._wanted is None or self._wanted[0] != desired:
            made = structure(desired, entry_address=self._entry_address, workers=self._workers)
            self._wanted = (desired, made)
        return self._wanted[1]

    def _known(self) -> tuple[Resource, ...]:
        return tuple(self._clusters[name] for name in sorted(self._clusters))

    def _write_endpoints(self, whole: Snapshot, rotation: Sequence[Share]) -> Snapshot:
        filled = with_endpoints(whole, rotation)
        self._endpoints = endpoint_documents(filled)
        self._write(self._endpoints)
        self._routed = filled.replicas
        return filled

    async def _approve(self, wanted: Snapshot) -> None:
        version = wanted.structure
        if version == self._approved:
            return
        if self._refused is not None and self._refused[0] == version:
            _, refusal = self._refused
            raise RefusedError(str(refusal), remedy=refusal.remedy)
        known = self._clusters.keys()
        require_watches(sum(c.name not in known for c in wanted.clusters) * len(self._admins()))
        try:
            await validate(self._binary, self._directory, wanted)
        except RefusedError as error:
            self._refused = (version, error)
            raise
        self._approved = version
        self._refused = None

    def _retire(self, wanted: Snapshot) -> None:
        """Note which clusters lose their routes, and let go of those that lost them long ago."""
        used = {c.name for c in wanted.clusters}
        now_s = time.monotonic()
        since = {n: self._retired_at.get(n, math.inf) for n in self._clusters.keys() - used}
        self._retired_at = {n: at for n, at in since.items() if now_s - at < self._retired_kept_s}

    def _start_of_retirement(self) -> None:
        """The routes have moved; only now the time of the clusters behind them begins."""
        now_s = time.monotonic()
        self._retired_at = {name: min(at, now_s) for name, at in self._retired_at.items()}

    async def _restructure(self, whole: Snapshot) -> None:
        made = documents(whole)
        if not self._unwritten((made.clusters, made.routes, made.listeners)):
            return
        before = await self._counted()
        await self._write_and_wait([made.clusters], before)
        self._clusters = {c.name: c for c in whole.clusters}
        spoken = [made.routes] if whole.routes else []  # Envoy reads it for HTTP listeners only
        self._structure = (made.clusters, *spoken, made.listeners)
        await self._write_and_wait([*spoken, made.listeners], before)
        self._write([made.routes])
        self._remove_unused(made)

    async def _write_and_wait(
        self, wanted: Sequence[Document], before: dict[Admin, Mapping[str, str]]
    ) -> None:
        """What Envoy does not take is written again next time: a port may be free by then."""
        changed = self._unwritten(wanted)
        self._write(changed)
        try:
            for document in reversed(changed):  # a new listener reads the routes
                await self._taken(document, before)
        except BaseException:
            for document in changed:
                self._written.pop(document.path, None)
            raise

    async def _counted(self) -> dict[Admin, Mapping[str, str]]:
        """What each Envoy that answers says about itself; the others will read the files."""
        counted: dict[Admin, Mapping[str, str]] = {}
        for admin in self._admins():
            with contextlib.suppress(AdminUnreachableError):
                counted[admin] = by_kind(await admin.stats(TAKING_STATS))
        return counted

    async def _taken(self, document: Document, before: dict[Admin, Mapping[str, str]]) -> None:
        """Wait until Envoy runs it. What it refuses or leaves lying is an error with its reason.

        Who does not answer is not asked again: it costs this publication one wait, not one each.
        """
        for admin, counts in tuple(before.items()):
            try:
                await _taken_by(admin, document, counts)
            except AdminUnreachableError:
                del before[admin]  # `confirm` says it

    def _remove_unused(self, made: Documents) -> None:
        """Last of all: files that nothing refers to any more."""
        used = {document.path for document in made.all()}
        for path in self._written.keys() - used:
            self._shelf.remove(path)
            del self._written[path]

    def _unwritten(self, wanted: Iterable[Document]) -> list[Document]:
        return [d for d in wanted if self._written.get(d.path) != d.version]

    def _write(self, wanted: Iterable[Document]) -> None:
        for document in self._unwritten(wanted):
            urgent = document.path.startswith("./endpoints/")
            self._shelf.write(document.path, document.content, urgent=urgent)
            self._written[document.path] = document.version

    async def _sweep(self) -> None:
        """Publish what was wanted last again when a retired cluster's time is over."""
        # One without a beginning waits for a publication that succeeds; that one sweeps again.
        while math.isfinite(began_s := min(self._retired_at.values(), default=math.inf)):
            await asyncio.sleep(max(0.0, began_s + self._retired_kept_s - _now()))
            async with self._one_at_a_time:
                assert self._last is not None, "a cluster retires only by a publication"
                try:
                    await self._publish(*self._last)
                except TrafficError as error:
                    log.warning("old clusters stay for now: %s", error)
                    return  # the next publication starts another sweep


async def _taken_by(admin: Admin, document: Document, before: Mapping[str, str]) -> None:
    rejected = document.version_stat.replace("version_text", "update_rejected")
    end_s = _now() + TAKEN_WITHIN_S
    while _now() < end_s:
        told = by_kind(await admin.stats(TAKING_STATS))
        warm = all(told.get(name, "0") == "0" for name in WARMING_STATS)
        if told.get(document.version_stat) == document.version and warm:
            return
        if int(told.get(rejected, "0")) > int(before.get(rejected, "0")):
            reasons = _refusals(await admin.dump("dynamic_listeners"))
            raise TrafficError(
                f"Envoy refuses a part of {document.path}: {'; '.join(reasons) or 'see its log'}",
                remedy="Fix what it names (another program on the port?); it is tried again.",
            )
        await asyncio.sleep(LOOK_EVERY_S)
    raise TrafficError(
        f"Envoy did not take {document.path} within {TAKEN_WITHIN_S:g} s",
        remedy="See Envoy's log; it is tried again.",
    )


def _refusals(listeners_dump: str) -> list[str]:
    """Envoy's own reasons for listeners that it does not run."""
    entries = json.loads(listeners_dump).get("configs", [])
    refused = [(e.get("name", "?"), e["error_state"]) for e in entries if "error_state" in e]
    return [f"listener {name}: {state.get('details', '')}" for name, state in refused]


def _now() -> float:
    return time.monotonic()
