"""The API over TCP, as `headwayd.toml` asks for it; a changed file or certificate counts at once.

What is asked for and cannot be had is logged and shown by `headway doctor`; it never stops the
daemon, because the services need it more than they need a port. What was open stays open as it was
until the file is right again.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from headway.api.accept import Doorman
from headway.api.address import settings_path
from headway.api.listen import (
    Bind,
    Settings,
    hosts,
    read_settings,
    resolve,
    tls_context,
)
from headway.api.peer import Peer, network_of
from headway.model.errors import HeadwayError

LOOK_EVERY_S = 1.0
WAITING_MAX = 128

log = logging.getLogger("headway.api")

Stamp = tuple[tuple[int, int] | None, ...]


class Outside:
    """What is open to other machines, and to other users of this one."""

    def __init__(
        self,
        home: Path,
        changed: Callable[[], None] = lambda: None,
        *,
        settings: Path | None = None,
        loopback_only: bool = False,
    ) -> None:
        self._path = settings or settings_path(home)
        self._loopback_only = loopback_only
        self._changed = changed
        self._settings: Settings | None = None
        self._tls: ssl.SSLContext | None = None
        self._open: dict[Bind, tuple[socket.socket, asyncio.Task[None]]] = {}
        self._said = ""
        self._stamp: Stamp | None = None

    @property
    def is_wanted(self) -> bool:
        """Somebody may come from outside at any time, so headwayd has to stay."""
        return self._path.exists() and (bool(self._said) or self._settings is not None)

    async def keep(self, doorman: Doorman) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._look(doorman)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            for bind in tuple(self._open):
                await self._shut(bind)

    async def _look(self, doorman: Doorman) -> None:
        stamp = self._stamped()
        if stamp == self._stamp and not self._said:
            return
        try:
            settings = await asyncio.to_thread(read_settings, self._path)
            if self._loopback_only:
                _refuse_tls(self._path, settings)
            binds = await asyncio.to_thread(resolve, settings) if settings else ()
            tls = tls_context(settings.tls) if settings and settings.tls else None
            self._settings, self._tls = settings, tls
            for bind in set(self._open) - set(binds):
                await self._shut(bind)
            if not binds:
                await doorman.close()
            for bind in binds:
                if bind not in self._open:
                    self._listen(bind, doorman)
            said = ""
        except HeadwayError as error:
            said = f"{error}; {error.remedy}"
        if said and said != self._said:
            log.error("the API is not served over TCP as asked: %s", said)
        self._said = said
        # Of the files that are named now, as they were before they were read.
        self._stamp = stamp if len(stamp) == len(self._stamped()) else None
        self._changed()

    def _listen(self, bind: Bind, doorman: Doorman) -> None:
        # Named in full: asyncio only then sends without waiting for more (TCP_NODELAY).
        listener = socket.socket(bind.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if bind.family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(bind.address)
            listener.listen(WAITING_MAX)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            raise HeadwayError(
                f"cannot listen at {bind.address[0]} port {bind.address[1]}: {error.strerror}",
                remedy=f"see who does: ss -ltnp 'sport = :{bind.address[1]}'",
            ) from None
        accepting = doorman.accept(listener, self._peer, lambda: self._tls)
        self._open[bind] = (listener, asyncio.create_task(accepting, name="accept"))
        scheme = "https" if self._tls else "http"
        log.info("the API is served at %s://%s port %d", scheme, *bind.address[:2])

    def _peer(self, connection: socket.socket) -> Peer:
        settings = self._settings
        assert settings is not None, "a listener without settings"
        return Peer(
            network=network_of(connection.getpeername()[0]),
            hosts=hosts(settings, connection.getsockname()[0]),
            requests_per_s=settings.requests_per_s,
        )

    async def _shut(self, bind: Bind) -> None:
        listener, accepting = self._open.pop(bind)
        accepting.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await accepting
        listener.close()

    def _stamped(self) -> Stamp:
        """What the files looked like; any that is named may be replaced at any time."""
        tls = self._settings.tls if self._settings else None
        paths = (self._path, *((tls.cert, tls.key) if tls else ()))
        return tuple(_facts(path) for path in paths)


def _refuse_tls(path: Path, settings: Settings | None) -> None:
    """Without TLS `resolve` allows nothing but loopback."""
    if settings is not None and settings.tls is not None:
        raise HeadwayError(
            f"{path} has [tls]: nobody is asked for a token there, so it is for loopback only",
            remedy="leave [tls] out; come through ssh -L, or a proxy that asks who it is",
        )


def _facts(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino
