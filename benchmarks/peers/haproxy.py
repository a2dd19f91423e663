"""HAProxy as somebody who knows it would run it: checks, least connections, redispatch, slow start.

One member more than is running is always declared; it is DOWN until its process is there, which is
how a server joins without a reload.
"""

import asyncio
import csv
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.load import Target
from benchmarks.peers.binaries import find
from benchmarks.peers.fleet import Fleet, fleet
from benchmarks.peers.peer import Member, Peer
from benchmarks.peers.process import PORTS, folder, serving, until
from benchmarks.site_under_test import Description

THREADS = 2
READY_S_MAX = 20.0


def config(
    *, port: int, servers: Mapping[str, int], maxconn: int, socket: Path, threads: int = THREADS
) -> str:
    """Requests that may be repeated are sent again elsewhere after any failure; others never."""
    lines = "\n".join(f"    server {name} 127.0.0.1:{at}" for name, at in servers.items())
    return f"""\
global
    nbthread {threads}
    maxconn 8000
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 250ms
    timeout client 30s
    timeout server 1s
    timeout queue 1s
    timeout check 80ms
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response response-timeout
frontend entry
    bind 127.0.0.1:{port}
    http-request disable-l7-retry unless {{ method GET HEAD }}
    default_backend web
backend web
    balance leastconn
    option httpchk
    http-check send meth GET uri /healthz ver HTTP/1.1 hdr host localhost
    http-check expect rstring ^OK$
    default-server check inter 40ms fall 2 rise 1 slowstart 10s maxconn {maxconn}
{lines}
"""


class Haproxy:
    def __init__(self, shape: Description, members: Fleet, port: int, socket: Path) -> None:
        self.target = Target("127.0.0.1", port)
        self.handled_file = members.handled_file
        self._shape = shape
        self._fleet = members
        self._socket = socket
        self.pid = 0

    async def members(self) -> Sequence[Member]:
        return self._fleet.members()

    async def replace_all(self) -> None:
        """For each: drain, wait until it is idle, replace the process, back into rotation."""
        for member in self._fleet.members():
            await self._say(f"set server web/{member.name} state drain")
            await self._until(member.name, "scur", "0")
            await self._fleet.stop(member.name)
            await self._fleet.start(member.name)
            await self._say(f"set server web/{member.name} state ready")
            await self._until(member.name, "status", "UP")

    async def add_one(self) -> None:
        name = self._fleet.name(self._shape.replicas)
        await self._fleet.start(name)
        await self._until(name, "status", "UP")

    def processes(self) -> Mapping[str, Sequence[int]]:
        return {"haproxy": [self.pid]}

    async def settled(self) -> None:
        for member in self._fleet.members():
            await self._until(member.name, "status", "UP")
        # Every server counts as UP until its first checks have failed.
        await self._until(self._fleet.name(self._shape.replicas), "status", "DOWN")

    async def _until(self, name: str, column: str, value: str) -> None:
        async def so() -> bool:
            return (await self._stat(name))[column].split(" ")[0] == value

        await until(so, limit_s=READY_S_MAX, what=f"{column} of {name} is not {value}")

    async def _stat(self, name: str) -> Mapping[str, str]:
        lines = (await self._say("show stat")).removeprefix("# ").splitlines()
        return next(row for row in csv.DictReader(lines) if row["svname"] == name)

    async def _say(self, command: str) -> str:
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        writer.write(f"{command}\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return answer


@asynccontextmanager
async def process(file: Path, port: int) -> AsyncIterator[int]:
    """HAProxy with this configuration; its pid."""
    argv = (find("haproxy"), "-db", "-f", file)
    async with serving(*argv, log=file.with_suffix(".log"), port=port) as running:
        yield running.pid


@asynccontextmanager
async def running(shape: Description) -> AsyncIterator[Haproxy]:
    with folder() as place:
        async with fleet(place, shape) as members:
            haproxy = Haproxy(shape, members, PORTS.take(), place / "admin.sock")
            names = [members.name(number) for number in range(shape.replicas + 1)]
            file = place / "haproxy.cfg"
            file.write_text(
                config(
                    port=haproxy.target.port,
                    servers={name: members.port(name) for name in names},
                    maxconn=shape.in_flight,
                    socket=place / "admin.sock",
                ),
                encoding="utf-8",
            )
            async with process(file, haproxy.target.port) as pid:
                haproxy.pid = pid
                await haproxy.settled()
                yield haproxy


HAPROXY = Peer("HAProxy", running)
