"""What the engine knows about its replicas, kept so that looking costs nothing.

The tuple of a service is built anew only when something about it changed; until then every look
gets the very same object.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from headway.engine.io.record import Record, from_json
from headway.model.ids import HostName, ReleaseId, ReplicaId, ServiceName
from headway.model.observed import Exit, Probe, Process

TIMES_KNOWN_MAX = 50_000


@dataclass(slots=True)
class Facts:
    """What the keeper cannot know: how a life answers, where it listens, who is connected."""

    probe: Probe | None = None
    address: str = "127.0.0.1"
    objection: str = ""
    connections: int | None = None


@dataclass(slots=True)
class Replica:
    record: Record
    facts: Facts

    @property
    def service(self) -> ServiceName:
        return ServiceName(self.record.tags["service"])

    @property
    def port(self) -> int:
        return int(self.record.tags["port"])

    @property
    def may_serve(self) -> bool:
        record = self.record
        return record.ending is None and record.draining_s is None and record.stopping_s is None

    @property
    def is_draining(self) -> bool:
        record = self.record
        return record.ending is None and (
            record.draining_s is not None or record.stopping_s is not None
        )


class Sight:
    def __init__(self, at: Callable[[float], datetime]) -> None:
        self._at = at  # from the keeper's time, CLOCK_MONOTONIC, to the daemon's
        self._known: dict[float, datetime] = {}
        self._replicas: dict[str, Replica] = {}
        self._kept: dict[str, Record] = {}
        self._built: dict[ServiceName, tuple[Process, ...]] = {}
        self._processes: Mapping[ServiceName, tuple[Process, ...]] | None = None
        self._only_host: HostName | None = None

    def set_only_host(self, name: HostName | None) -> None:
        """Where everything is, whatever it was started as; None: where each was put."""
        if name != self._only_host:
            self._only_host = name
            self._built.clear()
            self._processes = None

    def when(self, monotonic_s: float) -> datetime:
        """The keeper's time as the clock of this daemon shows it."""
        # Converted once, soon after it happened: a fact reads the same at every look, although
        # the daemon's clock may run a little faster or slower than the machine's.
        if len(self._known) > TIMES_KNOWN_MAX:
            self._known.clear()
        return self._known.setdefault(monotonic_s, self._at(monotonic_s))

    def replace_all(self, lives: list[dict[str, Any]]) -> None:
        listed = [from_json(life) for life in lives]
        names = {record.name for record in listed}
        for name in [*self._replicas, *self._kept]:
            if name not in names:
                self.drop(name)
        for record in listed:
            self.put(record)

    def put(self, record: Record) -> None:
        if record.kept is not None:
            self._kept[record.name] = record
            return
        known = self._replicas.get(record.name)
        if known is not None and known.record == record:
            return
        if known is None or known.record.incarnation != record.incarnation:
            facts = self._remembered(record)
        else:
            facts = known.facts
        self._replicas[record.name] = Replica(record, facts)
        self._soil(self._replicas[record.name])

    def drop(self, name: str) -> None:
        self._kept.pop(name, None)
        gone = self._replicas.pop(name, None)
        if gone is not None:
            self._soil(gone)

    def replica(self, name: str, incarnation: int) -> Replica | None:
        found = self._replicas.get(name)
        return found if found and found.record.incarnation == incarnation else None

    def replicas(self) -> Iterator[Replica]:
        return iter(self._replicas.values())

    def kept(self, name: str) -> Record | None:
        return self._kept.get(name)

    def touched(self, replica: Replica) -> None:
        """Its facts changed."""
        self._soil(replica)

    def processes(self) -> Mapping[ServiceName, tuple[Process, ...]]:
        if self._processes is None:
            self._rebuild()
        assert self._processes is not None
        return self._processes

    def _soil(self, replica: Replica) -> None:
        self._built.pop(replica.service, None)
        self._processes = None

    def _rebuild(self) -> None:
        missing: dict[ServiceName, list[Process]] = {}
        alive: set[ServiceName] = set()
        for _, replica in sorted(self._replicas.items()):
            alive.add(replica.service)
            if replica.service not in self._built:
                missing.setdefault(replica.service, []).append(self._process(replica))
        self._built.update((service, tuple(found)) for service, found in missing.items())
        self._processes = MappingProxyType({s: self._built[s] for s in sorted(alive)})

    def _process(self, replica: Replica) -> Process:
        record, facts, tags = replica.record, replica.facts, replica.record.tags
        ending = record.ending
        return Process(
            replica=ReplicaId(record.name),
            service=replica.service,
            release=ReleaseId(tags["release"]),
            incarnation=record.incarnation,
            attempt=int(tags["attempt"]),
            host=self._only_host or HostName(tags["host"]),
            address=facts.address,
            port=replica.port,
            pid=record.pid,
            started_at=self.when(record.started_s),
            draining_since=self._maybe(record.draining_s),
            stopping_since=self._maybe(record.stopping_s),
            exit=Exit(self.when(ending.at_s), ending.status, ending.note) if ending else None,
            probe=facts.probe,
            connections=facts.connections,
            objection=facts.objection,
            has_control=bool(tags.get("control")),
        )

    def _maybe(self, monotonic_s: float | None) -> datetime | None:
        return None if monotonic_s is None else self.when(monotonic_s)

    def _remembered(self, record: Record) -> Facts:
        """What an earlier daemon found out, so that a healthy replica is not a newcomer again."""
        notes = record.notes
        try:
            probe = Probe(
                at=self.when(notes["since_s"]),
                ok=bool(notes["ok"]),
                asked=str(notes["asked"]),
                answer=str(notes["answer"]),
                since=self.when(notes["since_s"]),
                tries=1,
                first_ok_at=self.when(notes["first_ok_s"]),
                away_s=float(notes.get("away_s", 0.0)),  # older keepers' notes lack it
            )
            return Facts(probe, str(notes["address"]), str(notes["objection"]))
        except (KeyError, TypeError):
            return Facts()

    def notes(self, replica: Replica) -> dict[str, Any] | None:
        """What `_remembered` wants to find; None before there is anything to remember."""
        facts, probe = replica.facts, replica.facts.probe
        if probe is None or probe.first_ok_at is None:
            return None
        return {
            "since_s": self._monotonic_s(probe.since),
            "first_ok_s": self._monotonic_s(probe.first_ok_at),
            "away_s": probe.away_s,
            "ok": probe.ok,
            "asked": probe.asked,
            "answer": probe.answer,
            "address": facts.address,
            "objection": facts.objection,
        }

    def _monotonic_s(self, moment: datetime) -> float:
        now_s = time.monotonic()
        return now_s - (self._at(now_s) - moment).total_seconds()
