"""All lives of one environment: started once, followed to their end, remembered over crashes.

The intent is on disk before a process exists, its pid soon after. What cannot be written is
written later and told in `trouble`; no process ever waits for a disk.
"""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from hashlib import blake2s
from pathlib import Path

from headway.engine.io import procfs, recovery, state_file
from headway.engine.io.cgroups import Cgroups
from headway.engine.io.life import Life
from headway.engine.io.record import Kept, Record
from headway.engine.io.renewal import Memory
from headway.engine.io.spawn import Command
from headway.engine.io.wire import BUSY, CONFLICT, SOCKET_NAME, STALE_EPOCH, Message, Refused

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
LIVES_MAX = 800  # each takes a file descriptor, of which there are 1,024 by default
SAVE_PAUSE_S = 0.02  # a burst of changes is one write
SAVE_AGAIN_S = 1.0
KEPT_PAUSES_S = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0)
LAST_GRACE_S = 5.0
KEPT_WELL_S = 10.0  # a kept process that ran this long is started again at once


class Lives:
    def __init__(self, directory: Path, cgroups: Cgroups, tell: Callable[[Message], None]) -> None:
        self.epoch = 0
        self.trouble = ""
        self._directory = directory
        self._cgroups = cgroups
        self._tell = tell
        self._prefix = blake2s(os.fsencode(directory.resolve()), digest_size=6).hexdigest()
        self._boot_id = procfs.boot_id()
        self._lives: dict[str, Life] = {}
        self._commands: dict[str, Command] = {}  # of kept processes
        self._failures: dict[str, int] = {}  # short lives of kept processes in a row
        self._leaving: set[str] = set()  # kept processes that are to be forgotten when they end
        self._after_all: asyncio.Event | None = None  # to be set when nothing runs any more
        self._save_timer: asyncio.TimerHandle | None = None

    @property
    def running_count(self) -> int:
        return sum(life.running for life in self._lives.values())

    def listed(self) -> list[Message]:
        return [life.record.to_json() for life in self._lives.values()]

    def log(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.log"

    def logs(self) -> list[Path]:
        return [self.log(name) for name, life in self._lives.items() if life.running]

    def recover(self, memory: Memory) -> None:
        """Take up what an earlier keeper left, on disk and in memory."""
        state = state_file.load(self._directory)
        self.epoch = state.epoch
        found = recovery.look_around(
            state.records, same_boot=state.boot_id in ("", self._boot_id), prefix=self._prefix
        )
        for record in found.ended:
            self._add(record)
        for record, note in found.lost:
            life = self._add(record)
            if record.name in memory.dying:
                life.bury(*memory.dying[record.name])
            else:
                life.fate(note)
        for record in (*found.alive, *found.unwritten):
            life = self._add(record)
            if not life.adopt():
                life.fate(recovery.MISSED)
        for life in tuple(self._lives.values()):
            self._keep_on(life.record, memory)
        for pid in found.strays:
            started = procfs.starttime(pid)
            if started is not None:
                procfs.kill(pid, started)
        adopted = (life for life in self._lives.values() if life.running and life.dying is None)
        self._cgroups.sweep({life.cgroup_name for life in adopted})
        self._save()

    def _keep_on(self, record: Record, memory: Memory) -> None:
        """A kept process stays kept, unless it was being let go of."""
        if record.kept is None:
            return
        if record.stopping_s is not None:
            self._leaving.add(record.name)
        elif record.name in memory.commands:
            self._commands[record.name] = Command(**memory.commands[record.name])
        elif record.ending is None:
            self._commands[record.name] = _kept_command(record, record.kept)
        if record.ending is not None:
            asyncio.get_running_loop().call_soon(self._after_kept, record)

    def remember(self, guarded: Message | None) -> Memory:
        """What a newer version of this process cannot know otherwise. Raises Refused."""
        self._save()
        if self.trouble:
            raise Refused(BUSY, self.trouble)
        dying = {name: life.dying for name, life in self._lives.items() if life.dying}
        commands = {name: asdict(command) for name, command in self._commands.items()}
        return Memory(commands, dying, guarded)

    def admit(self, epoch: int) -> None:
        """Obey only the newest control plane that was ever heard of."""
        if epoch < self.epoch:
            detail = f"epoch {epoch} has been replaced by {self.epoch}"
            raise Refused(STALE_EPOCH, detail)
        if epoch > self.epoch:
            self.epoch = epoch
            self._save()

    def weigh(self, weight: float) -> None:
        """What the whole environment counts for, where others want the same cores."""
        self._cgroups.weigh(weight)

    def start(self, record: Record, command: Command) -> Life:
        """A life that is known already is left as it is."""
        known = self._lives.get(record.name)
        if known is not None and known.record.incarnation == record.incarnation:
            return known
        self._check_successor(record, known)
        record.marker = self._marker(record)
        record.started_s = time.monotonic()
        life = self._add(record)
        self._save()  # the intent
        life.spawn(command, self.log(record.name))
        if life.running:  # one that could not be started has told its end already
            self._changed(life)
        return life

    def keep(self, name: str, command: Command) -> Life:
        known = self._lives.get(name)
        if known is not None and known.record.kept is None:
            raise Refused(CONFLICT, f"{name} is a replica, not a kept process")
        self._commands[name] = command
        self._leaving.discard(name)
        if known is not None and known.running:
            return known
        incarnation = known.record.incarnation + 1 if known else 1
        restarts = known.record.kept.restarts + 1 if known and known.record.kept else 0
        kept = Kept(command.argv, command.directory, restarts)
        return self.start(Record(name, incarnation, "", 0.0, {}, kept=kept), command)

    def unkeep(self, name: str, grace_s: float) -> None:
        life = self._lives.get(name)
        if life is None or life.record.kept is None:
            return
        self._commands.pop(name, None)
        self._leaving.add(name)
        if life.running:
            life.stop(grace_s)
        else:
            self._drop(name)

    def drain(self, name: str, incarnation: int) -> None:
        life = self._known(name, incarnation)
        if life is not None:
            life.drain()

    def stop(self, name: str, incarnation: int, grace_s: float) -> None:
        life = self._known(name, incarnation)
        if life is not None:
            life.stop(grace_s)

    def forget(self, name: str, incarnation: int) -> None:
        life = self._known(name, incarnation)
        if life is None:
            return
        if life.running:
            raise Refused(BUSY, f"{name} is still running (pid {life.record.pid}); stop it first")
        self._drop(name)

    def note(self, name: str, incarnation: int, notes: Message) -> None:
        life = self._known(name, incarnation)
        if life is not None:
            life.record.notes.update(notes)
            self._save_soon()

    def reap(self, guarded_ended: Callable[[int, int], None]) -> None:
        """Wait for every child that ended: mains of lives, headwayd, orphans that came to us."""
        by_pid = {life.record.pid: life for life in self._lives.values() if life.running}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                code = os.waitstatus_to_exitcode(status)
                if pid in by_pid:
                    by_pid[pid].main_ended(code)
                else:
                    guarded_ended(pid, code)

    def end_all(self, ended: asyncio.Event) -> None:
        """Everything, gently; nobody will come to look after it."""
        self._after_all = ended
        for name, life in tuple(self._lives.items()):
            if life.record.kept is not None:
                self.unkeep(name, LAST_GRACE_S)
            else:
                life.stop(LAST_GRACE_S)
        self._look_whether_all_ended()

    def _look_whether_all_ended(self) -> None:
        if self._after_all is not None and not self.running_count:
            self._cgroups.remove_all()
            self._after_all.set()

    def retire(self) -> None:
        if self.running_count:
            raise Refused(BUSY, f"{self.running_count} processes still run; stop them first")
        self._lives.clear()
        self._save()
        self._cgroups.remove_all()
        # Gone before the answer: whoever looks for a keeper from now on starts a new one.
        (self._directory / SOCKET_NAME).unlink(missing_ok=True)

    def _add(self, record: Record) -> Life:
        life = Life(record, self._cgroups, self._changed)
        self._lives[record.name] = life
        return life

    def _check_successor(self, record: Record, known: Life | None) -> None:
        if not NAME.match(record.name):
            raise Refused(CONFLICT, f"not a name for a process: {record.name[:140]!r}")
        if known is None:
            if len(self._lives) >= LIVES_MAX:
                raise Refused(CONFLICT, f"{LIVES_MAX} lives are known already; forget some")
            return
        before = known.record.incarnation
        if record.incarnation < before:
            raise Refused(CONFLICT, f"{record.name} has had life {before} already")
        if known.running:
            raise Refused(BUSY, f"life {before} of {record.name} has not ended yet")

    def _known(self, name: str, incarnation: int) -> Life | None:
        """The life that is meant; None when it is long over or never was: then nothing is to do."""
        life = self._lives.get(name)
        if life is None or life.record.incarnation != incarnation:
            return None
        return life

    def _marker(self, record: Record) -> str:
        draw = os.urandom(8).hex()
        return f"{self._prefix}.{record.name}.{record.incarnation}.{draw}"

    def _changed(self, life: Life) -> None:
        record = life.record
        if self._lives.get(record.name) is not life:
            return
        self._tell({"life": record.to_json()})
        self._save_soon()
        if record.kept is not None and record.ending is not None:
            self._after_kept(record)
        self._look_whether_all_ended()

    def _after_kept(self, record: Record) -> None:
        assert record.ending is not None
        name = record.name
        if name in self._leaving:
            self._drop(name)
            return
        lived_s = record.ending.at_s - record.started_s
        failures = 0 if lived_s >= KEPT_WELL_S else self._failures.get(name, 0)
        self._failures[name] = failures + 1
        pause_s = KEPT_PAUSES_S[min(failures, len(KEPT_PAUSES_S) - 1)]
        asyncio.get_running_loop().call_later(pause_s, self._keep_again, name, record.incarnation)

    def _keep_again(self, name: str, incarnation: int) -> None:
        life, command = self._known(name, incarnation), self._commands.get(name)
        if life is not None and not life.running and command is not None:
            self.keep(name, command)

    def _drop(self, name: str) -> None:
        self._lives.pop(name, None)
        self._failures.pop(name, None)
        self._leaving.discard(name)
        self._tell({"gone": name})
        self._save_soon()

    def _save_soon(self) -> None:
        if self._save_timer is None:
            loop = asyncio.get_running_loop()
            self._save_timer = loop.call_later(SAVE_PAUSE_S, self._save)

    def _save(self) -> None:
        if self._save_timer is not None:
            self._save_timer.cancel()
            self._save_timer = None
        records = tuple(life.record for life in self._lives.values())
        state = state_file.State(self.epoch, self._boot_id, records)
        try:
            state_file.save(self._directory, state)
        except OSError as error:
            loop = asyncio.get_running_loop()
            self._save_timer = loop.call_later(SAVE_AGAIN_S, self._save)
            self.say(f"the keeper's state cannot be written: {error.strerror}")
        else:
            self.say("")

    def say(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._tell({"trouble": trouble})


def _kept_command(record: Record, kept: Kept) -> Command:
    """Its environment was never written down; the process itself still has it."""
    env = procfs.environ(record.pid)
    env.pop(procfs.MARKER, None)
    return Command(kept.argv, env, kept.directory)
