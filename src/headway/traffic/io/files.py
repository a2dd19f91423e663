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
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from headway.model.desired import Desired
from headway.model.errors import TrafficError
from headway.model.ids import ReplicaId
from headway.model.observed import SeenReplica
from headway.traffic.bootstrap import CLUSTERS_PATH
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
    replicas_of,
    resources_of,
    version_of,
)
from headway.traffic.resources import Resource, Snapshot
from headway.traffic.snapshot import snapshot, with_retired

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
        retired_kept_s: float,
    ) -> None:
        self._directory = directory
        self._binary = binary
        self._admins = admins
        self._entry_address = entry_address
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
        self._last: tuple[Desired, tuple[SeenReplica, ...]] | None = None
        self._expected: tuple[Document, ...] = ()
        self._sweeper: asyncio.Task[None] | None = None
        self._read_back()

    async def publish(self, desired: Desired, in_rotation: Sequence[SeenReplica]) -> None:
        async with self._one_at_a_time:
            self._last = (desired, tuple(in_rotation))
            await self._publish(desired, in_rotation)
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
                said += disagreements(self._expected, told)
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
        replicas: set[str] = set()
        for path in (CLUSTERS_PATH, ROUTES_PATH, *self._shelf.list("./endpoints")):
            text = self._shelf.read(path) or ""
            version = version_of(text)
            if version is None:
                continue
            self._written[path] = version
            found = resources_of(text)
            if path == CLUSTERS_PATH:
                self._clusters = {cluster.name: cluster for cluster in found}
            elif path.startswith("./endpoints/"):
                replicas.update(*(replicas_of(e) for e in found))
        # The listeners are written anew: they may have been refused (a port in use) last time.
        self._routed = frozenset(ReplicaId(r) for r in replicas)

    async def _publish(self, desired: Desired, in_rotation: Sequence[SeenReplica]) -> None:
        fresh = snapshot(desired, in_rotation, entry_address=self._entry_address)
        try:
            await self._approve(fresh)
        except TrafficError:
            self._write_endpoints(in_rotation)
            raise
        self._retire(fresh)
        whole = with_retired(fresh, in_rotation, [self._clusters[n] for n in self._retired_at])
        made = documents(whole)
        self._expected = made.all() if fresh.routes else made.without_routes()
        self._write(made.endpoints)
        self._routed = fresh.replicas
        if self._unwritten((made.clusters, made.routes, made.listeners)):
            await self._restructure(made)
            self._clusters = {c.name: c for c in whole.clusters}
            self._remove_unused(made)

    async def _approve(self, fresh: Snapshot) -> None:
        structure = fresh.structure
        if structure == self._approved:
            return
        if self._refused is not None and self._refused[0] == structure:
            _, refusal = self._refused
            raise RefusedError(str(refusal), remedy=refusal.remedy)
        known = self._clusters.keys()
        require_watches(sum(c.name not in known for c in fresh.clusters) * len(self._admins()))
        try:
            await validate(self._binary, self._directory, fresh)
        except RefusedError as error:
            self._refused = (structure, error)
            raise
        self._approved = structure
        self._refused = None

    def _retire(self, fresh: Snapshot) -> None:
        """Note which clusters lost their routes, and let go of those that did so long ago."""
        used = {c.name for c in fresh.clusters}
        now_s = time.monotonic()
        since = {name: self._retired_at.get(name, now_s) for name in self._clusters.keys() - used}
        self._retired_at = {n: at for n, at in since.items() if now_s - at < self._retired_kept_s}

    def _write_endpoints(self, in_rotation: Sequence[SeenReplica]) -> None:
        """Only for clusters that Envoy has: who may get traffic, under the old structure."""
        nothing = Snapshot((), (), (), (), frozenset())
        kept = with_retired(nothing, in_rotation, self._clusters.values())
        self._write(documents(kept).endpoints)
        self._routed = frozenset(
            ReplicaId(replica) for e in kept.endpoints for replica in replicas_of(e)
        )

    async def _restructure(self, made: Documents) -> None:
        before = await self._counted()
        if self._unwritten([made.clusters]):
            self._write([made.clusters])
            await self._taken(made.clusters, before)
        routes_changed = bool(self._unwritten([made.routes]))
        self._write([made.routes])
        if self._unwritten([made.listeners]):
            self._write([made.listeners])
            try:
                await self._taken(made.listeners, before)
            except TrafficError:
                del self._written[made.listeners.path]  # the port may be free next time
                raise
        if routes_changed and made.routes in self._expected:
            await self._taken(made.routes, before)

    async def _counted(self) -> Mapping[Admin, Mapping[str, str]]:
        """What each Envoy that answers says about itself; the others will read the files."""
        counted = {}
        for admin in self._admins():
            with contextlib.suppress(AdminUnreachableError):
                counted[admin] = by_kind(await admin.stats(TAKING_STATS))
        return counted

    async def _taken(self, document: Document, before: Mapping[Admin, Mapping[str, str]]) -> None:
        """Wait until Envoy runs it. What it refuses or leaves lying is an error with its reason."""
        for admin, counts in before.items():
            with contextlib.suppress(AdminUnreachableError):
                await _taken_by(admin, document, counts)

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
            self._shelf.write(document.path, document.text, urgent=urgent)
            self._written[document.path] = document.version

    async def _sweep(self) -> None:
        """Publish the last wishes again when a retired cluster's time is over."""
        while self._retired_at:
            oldest_s = _now() - min(self._retired_at.values())
            await asyncio.sleep(max(0.0, self._retired_kept_s - oldest_s))
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
        if told.get(rejected) != before.get(rejected):
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
