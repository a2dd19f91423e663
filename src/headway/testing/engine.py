"""A simulated engine, held to the same contract as the real one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from headway.loop.ports import Clock
from headway.model.desired import Controls
from headway.model.errors import EngineError, StaleEpochError
from headway.model.host import Host
from headway.model.ids import ReplicaId, ServiceName
from headway.model.observed import Exit, Probe, Process, Seen
from headway.model.plan import Action, Drain, Forget, Outcome, Start, Stop


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one life goes. Drawn by the world when it starts."""

    healthy_after_s: float = 0.5  # infinite: never
    exits_after_s: float | None = None
    exit_status: int = 1
    ends_after_s: float = 0.1  # from SIGTERM; longer than the grace: killed


@dataclass(slots=True)
class _Life:
    process: Process
    behaviour: Behaviour
    hung: bool = False
    grace_s: float = 0.0


class SimulatedEngine:
    """Processes are values; time moves when `pass_time` is called."""

    def __init__(
        self,
        clock: Clock,
        hosts: Sequence[Host],
        behave: Callable[[Start], Behaviour],
        chance: Random,
    ) -> None:
        self.hosts = tuple(hosts)
        self._clock = clock
        self._behave = behave
        self._chance = chance
        self._lives: dict[ReplicaId, _Life] = {}
        self._epoch = 0
        self._port = 20000
        self._shown: dict[ServiceName, tuple[Process, ...]] = {}
        self._stale: set[ServiceName] = set()
        self.lose_answers = 0.0  # share of performs that fail: half before, half after the deed
        self.starts = 0
        self.words: Mapping[ServiceName, Controls] = {}

    async def observe(self) -> Seen:
        for name in self._stale:
            found = [x.process for x in self._lives.values() if x.process.service == name]
            if found:
                self._shown[name] = tuple(sorted(found, key=lambda p: p.replica))
            else:
                self._shown.pop(name, None)
        self._stale.clear()
        return Seen(self._clock.now(), self.hosts, self._shown)

    async def perform(self, action: Action, epoch: int) -> Outcome:
        self._heed(epoch)
        draw = self._chance.random() if self.lose_answers else 1.0
        if draw < self.lose_answers / 2:
            raise EngineError("the request was lost", remedy="it is made again")
        outcome = self._do(action)
        if draw < self.lose_answers:
            raise EngineError("the answer was lost", remedy="it is made again")
        return outcome

    async def tell(self, words: Mapping[ServiceName, Controls], epoch: int) -> None:
        if words == self.words:
            return
        self._heed(epoch)
        if self.lose_answers and self._chance.random() < self.lose_answers:
            raise EngineError("the request was lost", remedy="it is made again")
        self.words = dict(words)

    def pass_time(self) -> None:
        """Let everything happen that is due by the clock's time."""
        now = self._clock.now()
        for life in self._lives.values():
            if life.process.exit is None:
                self._live(life, now)

    def kill(self, replica: ReplicaId, status: int = -9) -> None:
        """As if somebody had sent a signal: the process is gone behind the loop's back."""
        self._end(self._lives[replica], status)

    def hang(self, replica: ReplicaId) -> None:
        life = self._lives[replica]
        life.hung = True
        self._hear(life, ok=False, answer="no answer in 250 ms")

    def recover(self, replica: ReplicaId) -> None:
        life = self._lives[replica]
        life.hung = False
        if life.process.probe is not None and life.process.probe.first_ok_at is not None:
            self._hear(life, ok=True, answer="200 OK")

    def alive(self) -> tuple[Process, ...]:
        return tuple(x.process for x in self._lives.values() if x.process.exit is None)

    def _heed(self, epoch: int) -> None:
        if epoch < self._epoch:
            raise StaleEpochError(
                f"epoch {epoch} is over, {self._epoch} is in charge", remedy="stop this headwayd"
            )
        self._epoch = epoch

    def _do(self, action: Action) -> Outcome:
        known = self._lives.get(action.replica)
        is_other = known is not None and known.process.incarnation != action.incarnation
        if is_other and not isinstance(action, Start):
            return Outcome(action, ok=True, detail="meant for another life")
        match action:
            case Start():
                return self._start(action, known)
            case Drain():
                if known is not None and known.process.draining_since is None:
                    changed = replace(
                        known.process, draining_since=self._clock.now(), connections=0
                    )
                    self._change(known, changed)
            case Stop(grace_s=grace_s):
                if known is not None and known.process.stopping_since is None:
                    known.grace_s = grace_s
                    self._change(known, replace(known.process, stopping_since=self._clock.now()))
            case Forget():
                if known is not None and known.process.exit is not None:
                    del self._lives[action.replica]
                    self._stale.add(action.service)
        return Outcome(action, ok=True)

    def _start(self, action: Start, known: _Life | None) -> Outcome:
        if known is not None:
            if action.incarnation == known.process.incarnation:
                return Outcome(action, ok=True, detail="runs already")
            if action.incarnation < known.process.incarnation:
                return Outcome(action, ok=False, detail="an older life than the one known")
            if known.process.exit is None:
                return Outcome(action, ok=False, detail="the life before has not ended")
        if action.host not in {host.name for host in self.hosts}:
            return Outcome(action, ok=False, detail=f"there is no host {action.host}")
        self._port += 1
        self.starts += 1
        process = Process(
            replica=action.replica,
            service=action.service,
            release=action.release,
            incarnation=action.incarnation,
            attempt=action.attempt,
            host=action.host,
            address="127.0.0.1",
            port=self._port,
            pid=self._port,
            started_at=self._clock.now(),
        )
        self._lives[action.replica] = _Life(process, self._behave(action))
        self._stale.add(action.service)
        return Outcome(action, ok=True)

    def _live(self, life: _Life, now: datetime) -> None:
        process, behaviour = life.process, life.behaviour
        age_s = (now - process.started_at).total_seconds()
        if process.stopping_since is not None:
            waited_s = (now - process.stopping_since).total_seconds()
            needs_s = float("inf") if life.hung else behaviour.ends_after_s
            if waited_s >= min(needs_s, life.grace_s):
                self._end(life, -15 if needs_s <= life.grace_s else -9)
        elif behaviour.exits_after_s is not None and age_s >= behaviour.exits_after_s:
            self._end(life, behaviour.exit_status)
        elif process.probe is None and not life.hung and age_s >= behaviour.healthy_after_s:
            self._hear(life, ok=True, answer="200 OK")

    def _hear(self, life: _Life, *, ok: bool, answer: str) -> None:
        now, before = self._clock.now(), life.process.probe
        first = before.first_ok_at if before else None
        away_s = before.away_s if before else 0.0
        if ok and before is not None and not before.ok:
            away_s = (now - before.since).total_seconds()
        probe = Probe(
            at=now,
            ok=ok,
            asked=f"GET http://127.0.0.1:{life.process.port}/healthz",
            answer=answer,
            since=before.since if before and before.ok == ok else now,
            tries=1,
            first_ok_at=first or (now if ok else None),
            away_s=away_s,
        )
        self._change(life, replace(life.process, probe=probe))

    def _end(self, life: _Life, status: int) -> None:
        if life.process.exit is None:
            ended = Exit(self._clock.now(), status)
            self._change(life, replace(life.process, exit=ended))

    def _change(self, life: _Life, process: Process) -> None:
        life.process = process
        self._stale.add(process.service)
