"""Any application on a Unix socket and, when it is asked for, over TCP.

Promises: the socket is 0600 from its first moment; a stale socket file is replaced and a living
one is never; the daemon's signals stay the daemon's; when `serve_app` is cancelled, requests under
way are answered first.
"""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from headway.api import peer
from headway.api.accept import Doorman
from headway.api.address import short
from headway.api.connection import HEADERS_BYTES_MAX, HEADERS_S, Connection
from headway.api.outside import Outside
from headway.model.errors import HeadwayError

CONNECTIONS_MAX = 256  # at the Unix socket, and as many over TCP
CONNECTIONS_PER_PEER_MAX = 64  # over TCP
CONNECTIONS_WAITING_MAX = 128
KEEP_ALIVE_S = 30
GOODBYE_S = 2
LIVENESS_S = 1.0


@dataclass(slots=True)
class Baton:
    """The Unix socket, when it goes from one program of this process to the next.

    Who connects meanwhile is not refused: he waits until the next one takes him in.
    """

    file: int | None = None  # open and listening
    is_passed_on: bool = False


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The daemon's signals stay the daemon's."""
        yield


async def serve_app(
    app: ASGIApp,
    socket_path: Path,
    outside: Outside | None = None,
    baton: Baton | None = None,
    *,
    headers_s: float = HEADERS_S,
) -> None:
    """Any application in the same manner, until cancelled."""
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        log_level="error",  # whatever strangers send must not fill the log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEADERS_BYTES_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GOODBYE_S,
    )
    config.load()
    server = _Server(config)
    connect = partial(Connection, config, server.server_state, headers_s=headers_s)
    inside = Doorman(connect, total_max=CONNECTIONS_MAX, per_peer_max=CONNECTIONS_MAX)
    tcp = Doorman(connect, total_max=CONNECTIONS_MAX, per_peer_max=CONNECTIONS_PER_PEER_MAX)
    with _listening(socket_path, baton or Baton()) as listener:
        # It accepts by itself; uvicorn has the rest, to the last answer.
        running = asyncio.create_task(server.serve(sockets=[]), name="api")
        accepting = [asyncio.create_task(inside.accept(listener, peer.unix_peer), name="accept")]
        if outside is not None:
            accepting.append(asyncio.create_task(outside.keep(tcp), name="outside"))
        try:
            done, _ = await asyncio.wait([running, *accepting], return_when="FIRST_COMPLETED")
            for task in done:
                task.result()
        finally:
            for task in accepting:
                task.cancel()
            await asyncio.gather(*accepting, return_exceptions=True)
            server.should_exit = True
            await running
            await asyncio.gather(inside.close(), tcp.close())


@contextlib.contextmanager
def _listening(path: Path, baton: Baton) -> Iterator[socket.socket]:
    with _taken_over(baton.file) if baton.file is not None else _newly(path) as listener:
        ours = path.stat().st_ino
        try:
            yield listener
        finally:
            if baton.is_passed_on:
                baton.file = os.dup(listener.fileno())
            else:
                # A successor may have put its own socket here already.
                with contextlib.suppress(OSError):
                    if path.stat().st_ino == ours:
                        path.unlink()


def _taken_over(file: int) -> socket.socket:
    listener = socket.socket(fileno=file)
    listener.setblocking(False)
    return listener


@contextlib.contextmanager
def _newly(path: Path) -> Iterator[socket.socket]:
    _check_free(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Bound under another name and renamed, so that nobody meets it with a wider mode or not
    # listening yet.
    unborn = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            unborn.unlink(missing_ok=True)
            with short(unborn) as name:
                listener.bind(name)
            unborn.chmod(stat.S_IRUSR | stat.S_IWUSR)
            listener.listen(CONNECTIONS_WAITING_MAX)
            listener.setblocking(False)
            unborn.rename(path)
        except OSError as error:
            unborn.unlink(missing_ok=True)
            raise HeadwayError(
                f"cannot listen at {path}: {error.strerror}",
                remedy="the folder must exist, be ours and allow sockets",
            ) from error
        yield listener
    finally:
        listener.close()


def _check_free(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_socket():
        raise HeadwayError(f"{path} is there and is no socket", remedy="move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, short(path) as name:
        probe.settimeout(LIVENESS_S)
        try:
            probe.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            return  # its owner is gone; the rename replaces it
        except OSError as error:
            raise HeadwayError(
                f"cannot tell whether somebody listens at {path}: {error}",
                remedy="look at the owner of the file and at running headwayd processes",
            ) from error
    raise HeadwayError(
        f"another headwayd answers at {path}", remedy="use it, or end it before starting this one"
    )
