"""The keeper: parent of the replicas and of Envoy, one per environment and host.

    python -m headway.engine.io.keeper DIRECTORY GUARD_PORT

Returns 0 as soon as a keeper serves DIRECTORY, which lives on in the background. It survives
headwayd; killed itself, its successor adopts what runs; told to renew itself, it goes on with
newer code under the same pid. Kept small: a keeper of a hundred environments must not weigh more
than their replicas. The guard port is bound and never listened on, so that no other environment,
of whatever user, takes the same block of ports.
"""

import asyncio
import ctypes
import fcntl
import os
import signal
import socket
import sys
from hashlib import blake2s
from pathlib import Path

from headway.engine.io import cgroups, log_files, renewal, wire
from headway.engine.io.desk import Desk
from headway.engine.io.guardian import LOG_NAME as HEADWAYD_LOG
from headway.engine.io.guardian import Guardian
from headway.engine.io.lives import Lives
from headway.engine.io.renewal import Held, Memory

LOCK_NAME = "keeper.lock"
LOG_NAME = "keeper.log"
TICK_S = 0.25
PR_SET_CHILD_SUBREAPER = 36
ALREADY_KEPT, PORT_TAKEN = 0, 3


def main() -> int:
    directory, guard_port = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    if len(sys.argv) > 3:
        held, memory = renewal.resume(sys.argv[3])
        _be_calm()
        asyncio.run(_keep(directory, held, memory))
        return 0
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "logs").mkdir(mode=0o700, exist_ok=True)
    lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return ALREADY_KEPT
    try:
        guard = _hold(guard_port)
    except OSError as error:
        sys.stderr.write(f"port {guard_port} is taken: {error.strerror}\n")
        return PORT_TAKEN
    server = wire.listen(directory)
    if os.fork() > 0:
        os._exit(0)  # whoever asked may connect now
    _detach(directory)
    _be_calm()
    asyncio.run(_keep(directory, Held(lock, guard.detach(), server.detach()), Memory()))
    return 0


def _hold(port: int) -> socket.socket:
    guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        guard.bind(("127.0.0.1", port))
    except OSError:
        guard.close()
        raise
    return guard


def _detach(directory: Path) -> None:
    """A session and a log of its own; nothing that its children should inherit."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(directory / LOG_NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
        if source > 2:
            os.set_inheritable(source, False)
    # Orphans of our replicas come to us, who end them, and not to init.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _be_calm() -> None:
    """Signals as their senders mean them, whatever we were started with."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


async def _keep(directory: Path, held: Held, memory: Memory) -> None:
    groups = cgroups.find(_group_name(directory))
    guardian = Guardian(directory)
    desk = Desk(guardian, groups.capabilities())
    desk.lives = lives = Lives(directory, groups, desk.tell)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGCHLD, lives.reap, guardian.child_ended)
    # Told to end, it leaves everything running for the next keeper; if there can be one.
    loop.add_signal_handler(
        signal.SIGTERM,
        lambda: desk.leaving.set() if _is_ours(directory, held) else lives.end_all(desk.leaving),
    )
    lives.recover(memory)
    lives.reap(guardian.child_ended)  # whoever ended while nobody listened for it
    guardian.resume(memory.guarded, memory.files)
    logs = loop.create_task(_cut_logs(directory, lives))
    while True:
        await _serve(desk, held.server, logs)
        if desk.renewing is None:
            break
        _renew(desk, guardian, held)
    logs.cancel()


async def _serve(desk: Desk, listening: int, logs: asyncio.Task[None]) -> None:
    """Until told to leave, or to become another."""
    # A file of its own: the one that goes on to a successor stays open.
    server = socket.socket(fileno=os.dup(listening))
    server.setblocking(False)
    serving = await asyncio.start_unix_server(desk.serve, sock=server, limit=wire.LINE_BYTES_MAX)
    leaving = asyncio.get_running_loop().create_task(desk.leaving.wait())
    await asyncio.wait((logs, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    serving.close()
    await asyncio.sleep(0.05)  # the last answers are on their way


def _renew(desk: Desk, guardian: Guardian, held: Held) -> None:
    """Does not return, unless it could not be done."""
    assert desk.renewing is not None
    python, desk.renewing = desk.renewing, None
    desk.leaving.clear()
    guarded, files = guardian.memory()
    try:
        memory = desk.lives.remember(guarded)
        renewal.become(python, sys.argv[1:3], held, memory, files)
    except (OSError, wire.Refused) as error:
        desk.lives.say(f"the keeper goes on with its old code: {error}")


async def _cut_logs(directory: Path, lives: Lives) -> None:
    own = [directory / LOG_NAME, directory / HEADWAYD_LOG]
    while True:
        for log in [*own, *lives.logs()]:
            if log_files.too_long(log):
                await asyncio.to_thread(log_files.cut, log)
        await asyncio.sleep(TICK_S)


def _is_ours(directory: Path, held: Held) -> bool:
    """False when the folder was removed under us: then nobody can ever adopt what runs."""
    try:
        return (directory / LOCK_NAME).stat().st_ino == os.fstat(held.lock).st_ino
    except OSError:
        return False


def _group_name(directory: Path) -> str:
    digest = blake2s(os.fsencode(directory), digest_size=6).hexdigest()
    return f"headway-{os.geteuid()}-{digest}"


if __name__ == "__main__":
    sys.exit(main())
