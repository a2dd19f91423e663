"""The API on its Unix socket, inside the daemon's event loop.

Promises: the socket is 0600 from its first moment; a stale socket file is replaced and a living
one is never; the daemon's signals stay the daemon's; when `serve` is cancelled, requests under
way are answered first.
"""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from headway.api.address import short
from headway.api.app import create_app
from headway.api.control import Control
from headway.api.peer import PeerProtocol
from headway.model.errors import HeadwayError

CONNECTIONS_MAX = 256
CONNECTIONS_WAITING_MAX = 128
KEEP_ALIVE_S = 30
GOODBYE_S = 2
LIVENESS_S = 1.0


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The daemon's signals stay the daemon's."""
        yield


async def serve(control: Control, socket_path: Path) -> None:
    """Answer until cancelled."""
    config = uvicorn.Config(
        create_app(control),
        http=PeerProtocol,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GOODBYE_S,
    )
    server = _Server(config)
    with _listening(socket_path) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]), name="api")
        try:
            await asyncio.shield(running)
        finally:
            server.should_exit = True
            await running


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
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
        ours = path.stat().st_ino
        try:
            yield listener
        finally:
            # A successor may have put its own socket here already.
            with contextlib.suppress(OSError):
                if path.stat().st_ino == ours:
                    path.unlink()
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
