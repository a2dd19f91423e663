"""Where the keeper's clients are served: requests in, answers and changes out.

A client that does not read what it is sent is cut off; it may come again and ask for the list.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

import headway
from headway.engine.io.guardian import Guardian
from headway.engine.io.lives import Lives
from headway.engine.io.record import Record
from headway.engine.io.spawn import Command
from headway.engine.io.wire import BAD_REQUEST, PROTOCOL, Message, Refused, decode, encode

CLIENTS_MAX = 32
UNREAD_BYTES_MAX = 8 << 20
GRACE_S_MAX = 3600.0
NOTES_MAX = 16


class Desk:
    def __init__(self, guardian: Guardian, capabilities: Mapping[str, str]) -> None:
        self.lives: Lives  # set once, by the keeper, before anyone is served
        self.leaving = asyncio.Event()
        self.renewing: str | None = None  # the interpreter to go on with
        self._guardian = guardian
        self._capabilities = dict(capabilities)
        self._clients: set[asyncio.StreamWriter] = set()
        self._watchers: set[asyncio.StreamWriter] = set()
        self._verbs: Mapping[str, Callable[[Message], Message]] = {
            "hello": self._hello,
            "goodbye": self._goodbye,
            "ping": lambda _: {},
            "list": self._list,
            "start": self._start,
            "drain": self._drain,
            "stop": self._stop,
            "forget": self._forget,
            "note": self._note,
            "keep": self._keep,
            "unkeep": self._unkeep,
            "leave": self._leave,
            "renew": self._renew,
            "retire": self._retire,
        }

    def tell(self, message: Message) -> None:
        """Push to everyone who watches."""
        line = encode(message)
        for watcher in tuple(self._watchers):
            watcher.write(line)
            if watcher.transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
                watcher.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it leaves."""
        if len(self._clients) >= CLIENTS_MAX or not _is_ours(writer):
            writer.close()
            return
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                writer.write(encode(self._answer(line, writer)))
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # it is gone, or sent a line without an end
        finally:
            self._clients.discard(writer)
            self._watchers.discard(writer)
            writer.close()

    def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> Message:
        number: object = None
        try:
            request = decode(line)
            number = request.get("id")
            answer = self._obey(request, writer)
        except Refused as refusal:
            return {"id": number, "ok": False, "why": refusal.why, "detail": str(refusal)}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            detail = f"not a request the keeper understands: {type(error).__name__} {error}"
            return {"id": number, "ok": False, "why": BAD_REQUEST, "detail": detail}
        return {"id": number, "ok": True, **answer}

    def _obey(self, request: Message, writer: asyncio.StreamWriter) -> Message:
        verb = str(request["do"])
        if verb == "watch":
            self._watchers.add(writer)
            return self._list(request)
        if verb not in self._verbs:
            raise Refused(BAD_REQUEST, f"no such request: {verb[:40]!r}")
        if verb not in ("ping", "list", "goodbye"):
            self.lives.admit(int(request["epoch"]))
        return self._verbs[verb](request)

    def _hello(self, request: Message) -> Message:
        if "cpu_weight" in request:
            self.lives.weigh(float(request["cpu_weight"]))
        guard = request.get("guard")
        if guard is not None:
            self._guardian.guard(
                int(guard["pid"]),
                tuple(map(str, guard["argv"])),
                list(map(str, guard["env_names"])),
                str(guard["directory"]),
            )
        return {
            "pid": os.getpid(),
            "protocol": PROTOCOL,
            "version": headway.__version__,
            "capabilities": self._capabilities,
        }

    def _goodbye(self, request: Message) -> Message:
        del request
        self._guardian.release()
        return {}

    def _list(self, request: Message) -> Message:
        del request
        return {
            "lives": self.lives.listed(),
            "epoch": self.lives.epoch,
            "trouble": self.lives.trouble,
        }

    def _start(self, request: Message) -> Message:
        memory, cpu = request.get("memory_bytes"), request.get("cpu")
        record = Record(
            name=str(request["name"]),
            incarnation=int(request["incarnation"]),
            marker="",
            started_s=0.0,
            tags=dict(request.get("tags") or {}),
            memory_bytes=int(memory) if memory is not None else None,
            cpu=float(cpu) if cpu is not None else None,
        )
        return {"life": self.lives.start(record, _command(request)).record.to_json()}

    def _drain(self, request: Message) -> Message:
        self.lives.drain(str(request["name"]), int(request["incarnation"]))
        return {}

    def _stop(self, request: Message) -> Message:
        name, incarnation = str(request["name"]), int(request["incarnation"])
        self.lives.stop(name, incarnation, _grace_s(request))
        return {}

    def _forget(self, request: Message) -> Message:
        self.lives.forget(str(request["name"]), int(request["incarnation"]))
        return {}

    def _note(self, request: Message) -> Message:
        notes = dict(request["notes"])
        if len(notes) > NOTES_MAX:
            raise Refused(BAD_REQUEST, f"more than {NOTES_MAX} notes")
        self.lives.note(str(request["name"]), int(request["incarnation"]), notes)
        return {}

    def _keep(self, request: Message) -> Message:
        life = self.lives.keep(str(request["name"]), _command(request))
        return {"life": life.record.to_json()}

    def _unkeep(self, request: Message) -> Message:
        self.lives.unkeep(str(request["name"]), _grace_s(request))
        return {}

    def _retire(self, request: Message) -> Message:
        del request
        self.lives.retire()
        self._guardian.release()
        self.leaving.set()
        return {}

    def _renew(self, request: Message) -> Message:
        """Go on with the code that is on disk now; every client has to come again."""
        self.lives.remember(None)  # refused now rather than after the answer
        self.renewing = str(request["python"])
        self.leaving.set()
        return {}

    def _leave(self, request: Message) -> Message:
        """Make room for a keeper of another version, which adopts what runs."""
        del request
        self.leaving.set()
        return {}


def _command(request: Message) -> Command:
    argv = tuple(map(str, request["argv"]))
    env = {str(name): str(value) for name, value in request["env"].items()}
    directory = str(request["directory"])
    odd = any("\0" in word for word in (*argv, *env, *env.values(), directory))
    if not argv or odd or any("=" in name or not name for name in env):
        raise Refused(BAD_REQUEST, "a command or environment that no process can be given")
    return Command(argv, env, directory)


def _grace_s(request: Message) -> float:
    return min(GRACE_S_MAX, max(0.0, float(request["grace_s"])))


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """The socket's mode says so already; the kernel says it again."""
    peer: Any = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (0, os.geteuid())
