"""The local engine: replicas are processes of this machine, in the hands of a keeper.

Reports facts and never judges them. Looking is free: everything is known before it is asked for.
The processes outlive this object, the daemon, and the keeper.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from headway.engine import environment, sockets
from headway.engine.hosts import hosts_of
from headway.engine.io import listeners, log_files
from headway.engine.io.control_files import ControlFiles
from headway.engine.io.greeting import Guard, greeting
from headway.engine.io.inherited import inherited
from headway.engine.io.keeper_link import KeeperLink
from headway.engine.io.port_block import PortBlock
from headway.engine.io.probe import Prober, ProbeRates, Target
from headway.engine.io.record import from_json
from headway.engine.io.sight import Replica, Sight
from headway.engine.io.wire import Message
from headway.model.desired import Controls
from headway.model.errors import EngineError, HeadwayError, SecretError, StaleEpochError
from headway.model.host import Host
from headway.model.ids import EnvironmentId, ServiceName
from headway.model.observed import Exit, Probe, Seen
from headway.model.plan import Action, Drain, Forget, Outcome, Start, Stop
from headway.model.site import DescribedHost, Health

UNSEEN_S_MAX = 3.0  # older than this, what was seen is no fact any more
CONNECTIONS_EVERY_S = 0.05


class Clock(Protocol):
    def now(self) -> datetime: ...

    def at(self, monotonic_s: float) -> datetime:
        """The time at which the machine's monotonic clock showed this."""
        ...


@dataclass(frozen=True, slots=True)
class KeptProcess:
    """A process that the keeper starts again by itself."""

    pid: int  # 0 while it is down
    restarts: int
    started_at: datetime
    exit: Exit | None  # how it ended, while it is down


@dataclass(frozen=True, slots=True)
class _Keeping:
    argv: tuple[str, ...]
    env: Mapping[str, str]
    directory: str


class LocalEngine:
    def __init__(
        self,
        environment_id: EnvironmentId,
        *,
        directory: Path,
        ports: range,
        host: Host,
        epoch: int,
        secrets: Callable[[str], str],
        clock: Clock,
        rates: ProbeRates,
        public_listen_allowed: bool,
        guard: Guard | None,
        cpu_weight: float = 1.0,
        renew_keeper: bool = False,
    ) -> None:
        self.changed = asyncio.Event()  # set on every change; whoever waits for it clears it
        self._environment_id = environment_id
        self._directory = directory
        self._ports = PortBlock(ports)
        self._controls = ControlFiles(directory / "control")
        self._machine = host
        self._hosts: tuple[Host, ...] = (host,)
        self._epoch = epoch
        self._secrets = secrets
        self._clock = clock
        self._public_listen_allowed = public_listen_allowed
        self._sight = Sight(clock.at)
        self._health: Mapping[ServiceName, Health] = {}
        self._keeping: dict[str, _Keeping] = {}
        self._prober = Prober(rates, now=clock.now, heard=self._heard)
        self._tasks: set[asyncio.Task[None]] = set()
        self._counting: asyncio.Task[None] | None = None
        self._is_aiming = False
        self._is_closed = False
        self._link = KeeperLink(
            directory,
            ports[0],
            hello=greeting(epoch, guard, cpu_weight),
            listed=self._listed,
            heard=self._pushed,
            renew=renew_keeper,
        )

    async def start(self) -> None:
        """Find the keeper or start one. Raises EngineError, StaleEpochError."""
        await self._link.open()

    async def close(self, *, for_good: bool = True) -> None:
        """Let go. Everything keeps running; `for_good`: the keeper will not bring us back."""
        with contextlib.suppress(EngineError):  # a dead keeper brings nobody back
            if for_good:
                await self._link.ask("goodbye")
        await self._let_go()

    async def retire(self) -> None:
        """End the keeper and remove its traces. Raises EngineError while anything runs."""
        await self._link.retire(self._epoch)
        self._controls.remove()
        await self._let_go()

    @property
    def capabilities(self) -> Mapping[str, str]:
        """What this machine allows, in words: `end_tree`, `memory_limit`, `cpu_share`."""
        return dict(self._link.capabilities)

    @property
    def keeper_pid(self) -> int:
        return self._link.keeper_pid

    @property
    def keeper_version(self) -> str:
        return self._link.keeper_version

    @property
    def trouble(self) -> str:
        """What hinders the keeper, for people; empty when nothing does."""
        return self._link.trouble

    def set_health(self, health: Mapping[ServiceName, Health]) -> None:
        """How each service is probed; a service that is not named here is not probed."""
        self._health = dict(health)
        self._aim()

    def set_hosts(self, described: Sequence[DescribedHost]) -> None:
        """The places of this machine that replicas may be put on; none: the machine is one."""
        self._hosts = hosts_of(self._machine, described)
        # However a machine is called today: where nothing else is described, all is on it.
        self._sight.set_only_host(None if described else self._machine.name)
        self.changed.set()

    async def observe(self) -> Seen:
        """Raises EngineError when nothing has been heard from the keeper for too long."""
        lost_s = self._link.lost_s
        if lost_s is not None and asyncio.get_running_loop().time() - lost_s > UNSEEN_S_MAX:
            raise EngineError(f"the keeper cannot be reached: {self._link.trouble}")
        return Seen(self._clock.now(), self._hosts, self._sight.processes())

    async def perform(self, action: Action, epoch: int) -> Outcome:
        """Raises StaleEpochError only; whatever else goes wrong is an outcome."""
        self._epoch = max(self._epoch, epoch)
        try:
            await self._perform(action, epoch)
        except StaleEpochError:
            raise
        except SecretError as error:
            return Outcome(action, ok=False, detail=f"{action.replica}: {error}")
        except HeadwayError as error:
            remedy = f" ({error.remedy})" if error.remedy else ""
            return Outcome(action, ok=False, detail=f"{action.replica}: {error}{remedy}")
        return Outcome(action, ok=True)

    async def tell(self, words: Mapping[ServiceName, Controls], epoch: int) -> None:
        """Raises EngineError, StaleEpochError; then the next call begins where this one ended."""
        self._epoch = max(self._epoch, epoch)
        if self._controls.differ(words):
            await self._link.ask("hello", epoch=epoch)  # refused when somebody else is in charge
            self._controls.lay(words)

    async def keep(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], directory: Path
    ) -> None:
        """Have a process run for as long as the environment does. Its argv must hold no secret."""
        self._keeping[name] = _Keeping(tuple(argv), dict(env), str(directory))
        await self._ask_to_keep(name)

    async def unkeep(self, name: str, grace_s: float = 5.0) -> None:
        """End it (SIGTERM, SIGKILL after `grace_s`) and forget it."""
        self._keeping.pop(name, None)
        await self._link.ask("unkeep", epoch=self._epoch, name=name, grace_s=grace_s)

    def kept(self, name: str) -> KeptProcess | None:
        """None when it was never kept, or has ended after `unkeep`."""
        record = self._sight.kept(name)
        if record is None or record.kept is None:
            return None
        ending = record.ending
        return KeptProcess(
            pid=0 if ending else record.pid,
            restarts=record.kept.restarts,
            started_at=self._sight.when(record.started_s),
            exit=Exit(self._sight.when(ending.at_s), ending.status, ending.note)
            if ending
            else None,
        )

    def log_path(self, name: str) -> Path:
        """Of a replica or a kept process; the part before it, if any, ends in `.1`."""
        return self._directory / "logs" / f"{name}.log"

    def log_tail(self, name: str, lines_max: int) -> list[str]:
        return log_files.tail(self.log_path(name), lines_max)

    async def _perform(self, action: Action, epoch: int) -> None:
        which: Message = {
            "epoch": epoch,
            "name": action.replica,
            "incarnation": action.incarnation,
        }
        match action:
            case Start():
                await self._start(action, which)
            case Drain():
                await self._link.ask("drain", **which)
            case Stop():
                await self._link.ask("stop", **which, grace_s=action.grace_s)
            case Forget():
                await self._link.ask("forget", **which)

    async def _start(self, action: Start, which: Message) -> None:
        known = self._sight.replica(action.replica, action.incarnation)
        if known is not None:
            await self._link.ask("hello", epoch=which["epoch"])  # still refused when too old
            return
        host = next((h for h in self._hosts if h.name == action.host), None)
        if host is None:
            raise EngineError(
                f"there is no host {action.host}", remedy="it has left the description meanwhile"
            )
        port = self._ports.take({replica.port for replica in self._sight.replicas()})
        control = str(self._controls.path(action.service))
        own = environment.replica_names(
            action, str(self._environment_id), port, host, control=control
        )
        # A secret may come from a command that takes its time.
        argv, env = await asyncio.to_thread(self._command, action, own)
        await self._link.ask(
            "start",
            **which,
            argv=argv,
            env=env,
            directory=action.launch.directory,
            memory_bytes=action.launch.memory_bytes,
            cpu=action.launch.cpu,
            tags={
                "service": action.service,
                "release": action.release,
                "attempt": action.attempt,
                "host": action.host,
                "port": port,
                "control": True,
            },
        )

    def _command(
        self, action: Start, own: Mapping[str, str]
    ) -> tuple[list[str], Mapping[str, str]]:
        env = environment.full_environment(action.launch, inherited(), own, self._secrets)
        argv = [environment.fill_in(word, env, self._secrets) for word in action.launch.argv]
        return argv, env

    async def _ask_to_keep(self, name: str) -> None:
        keeping = self._keeping[name]
        await self._link.ask(
            "keep",
            epoch=self._epoch,
            name=name,
            argv=list(keeping.argv),
            env=dict(keeping.env),
            directory=keeping.directory,
        )

    def _listed(self, lives: list[dict[str, Any]]) -> None:
        self._sight.replace_all(lives)
        newest = max(self._sight.replicas(), key=lambda r: r.record.started_s, default=None)
        if newest is not None:
            self._ports.resume_after(newest.port)
        for name in self._keeping:  # a new keeper does not know their environment
            self._spawn(self._ask_to_keep(name))
        self._after_change()

    def _pushed(self, message: Message) -> None:
        if "gone" in message:
            self._sight.drop(message["gone"])
        elif "life" in message:
            self._sight.put(from_json(message["life"]))
        self._after_change()

    def _after_change(self) -> None:
        if not self._is_aiming:  # a burst of news is one look at what to probe
            self._is_aiming = True
            asyncio.get_running_loop().call_soon(self._aim)
        if self._counting is None and any(r.is_draining for r in self._sight.replicas()):
            self._counting = self._spawn(self._count_connections())
        self.changed.set()

    def _aim(self) -> None:
        self._is_aiming = False
        if self._is_closed:
            return
        targets: dict[Target, Probe | None] = {}
        for replica in self._sight.replicas():
            health = self._health.get(replica.service)
            if health is not None and replica.may_serve:
                record = replica.record
                target = Target(record.name, record.incarnation, replica.port, health)
                targets[target] = replica.facts.probe
        self._prober.aim(targets)

    def _heard(self, target: Target, probe: Probe, address: str) -> None:
        replica = self._sight.replica(target.name, target.incarnation)
        if replica is None or not replica.may_serve:
            return
        known = replica.facts.probe
        if probe.ok and (known is None or known.first_ok_at is None):
            # Its first good word counts only once we know where it listens.
            self._spawn(self._look_at_listeners(replica, probe, address))
            return
        is_news = known is None or known.ok != probe.ok
        replica.facts.probe = probe
        self._see(replica)
        if is_news:
            self._spawn(self._note(replica))

    def _see(self, replica: Replica) -> None:
        self._sight.touched(replica)
        self.changed.set()

    async def _look_at_listeners(self, replica: Replica, probe: Probe, address: str) -> None:
        """Once it answers: where does it really listen, and may it?"""
        facts = replica.facts
        found = await asyncio.to_thread(listeners.of_tree, replica.record)
        facts.address = sockets.serving_address(found, replica.port, address)
        if not self._public_listen_allowed:
            facts.objection = sockets.objection(found)
        if facts.probe is None or facts.probe.first_ok_at is None:  # else there is newer news
            facts.probe = probe
        self._see(replica)
        await self._note(replica)

    async def _note(self, replica: Replica) -> None:
        notes = self._sight.notes(replica)
        if notes is None:
            return
        record = replica.record
        with contextlib.suppress(EngineError):  # only the comfort of a later daemon depends on it
            await self._link.ask(
                "note",
                epoch=self._epoch,
                name=record.name,
                incarnation=record.incarnation,
                notes=notes,
            )

    async def _count_connections(self) -> None:
        try:
            while draining := [r for r in self._sight.replicas() if r.is_draining]:
                ports = {replica.port for replica in draining}
                counts = await asyncio.to_thread(listeners.count_open, ports)
                for replica in draining:
                    if replica.facts.connections != counts[replica.port]:
                        replica.facts.connections = counts[replica.port]
                        self._see(replica)
                await asyncio.sleep(CONNECTIONS_EVERY_S)
        finally:
            self._counting = None

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _let_go(self) -> None:
        self._is_closed = True
        await self._link.close()
        await self._prober.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
