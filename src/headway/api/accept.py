"""Takes connections in, so many in all and so many from one peer; nobody else costs a descriptor.

The limits count from the moment a connection is accepted, also while TLS is still being spoken:
who opens ten thousand connections and says nothing must not use up what the daemon needs for the
processes it looks after.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from headway.api.connection import Connection
from headway.api.peer import Peer

HANDSHAKE_S = 10.0
GOODBYE_S = 2.0
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
EXHAUSTED_PAUSE_S = 0.5

log = logging.getLogger("headway.api")


class Doorman:
    """Counts who is inside. One for the Unix socket, one for TCP."""

    def __init__(
        self, connect: Callable[[Peer], Connection], *, total_max: int, per_peer_max: int
    ) -> None:
        self._connect = connect
        self._total_max = total_max
        self._per_peer_max = per_peer_max
        self._inside: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(
        self,
        listener: socket.socket,
        peer_of: Callable[[socket.socket], Peer],
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
    ) -> None:
        """Until cancelled. `listener` listens and does not block."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in EXHAUSTED:
                    log.warning("no connection can be taken in: %s", error.strerror)
                    await asyncio.sleep(EXHAUSTED_PAUSE_S)
                    continue
                if listener.fileno() < 0:
                    raise
                continue  # who wanted to connect has gone again
            self._take_in(connection, peer_of, tls())

    async def close(self) -> None:
        """Cut off who is still there."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take_in(
        self,
        connection: socket.socket,
        peer_of: Callable[[socket.socket], Peer],
        tls: ssl.SSLContext | None,
    ) -> None:
        try:
            peer = peer_of(connection)
        except (OSError, ValueError):
            connection.close()  # gone again
            return
        key = peer.network or str(peer.uid)
        if self._inside.total() >= self._total_max or self._inside[key] >= self._per_peer_max:
            connection.close()
            return
        self._inside[key] += 1
        task = asyncio.create_task(self._serve(connection, peer, tls), name="connection")
        self._tasks.add(task)

        def left(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._inside[key] -= 1
            if self._inside[key] <= 0:
                del self._inside[key]

        task.add_done_callback(left)

    async def _serve(
        self, connection: socket.socket, peer: Peer, tls: ssl.SSLContext | None
    ) -> None:
        served = self._connect(peer)
        limits = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": GOODBYE_S}
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: served, connection, ssl=tls, **(limits if tls else {})
            )
        except (OSError, ssl.SSLError, TimeoutError):
            connection.close()  # no TLS, too old a TLS, or nothing at all
            return
        try:
            await served.gone.wait()
        finally:
            with suppress(RuntimeError):
                served.transport.abort()
