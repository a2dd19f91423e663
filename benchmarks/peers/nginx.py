"""nginx as somebody who knows it would run it. The free version has no active health checks.

It learns of a bad backend from its users' requests: one that fails puts the backend aside for two
seconds, and what may be repeated is asked again elsewhere. Changes are a new file and a reload.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from benchmarks.load import Target
from benchmarks.peers.binaries import find
from benchmarks.peers.fleet import Fleet, fleet
from benchmarks.peers.peer import Member, Peer
from benchmarks.peers.process import PORTS, folder, serving, until
from benchmarks.site_under_test import Description

WORKERS = 2
OLD_WORKERS_S_MAX = 20.0


def config(
    *, folder: Path, port: int, backends: Iterable[int], max_conns: int, workers: int = WORKERS
) -> str:
    """`proxy_next_upstream` without `non_idempotent`: a POST is never sent twice."""
    lines = "\n".join(
        f"    server 127.0.0.1:{at} max_fails=1 fail_timeout=2s max_conns={max_conns};"
        for at in backends
    )
    return f"""\
{header(folder, workers)}
http {{
  access_log off;
  {temporary(folder)}
  upstream web {{
    zone web 256k;
    least_conn;
{lines}
    keepalive 64;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_connect_timeout 250ms;
      proxy_read_timeout 1s;
      proxy_next_upstream error timeout http_502 http_503;
      proxy_next_upstream_tries 3;
    }}
  }}
}}
"""


def header(folder: Path, workers: int) -> str:
    """What every nginx here begins with."""
    user = "user root;" if os.geteuid() == 0 else ""
    return f"""\
daemon off;
{user}
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
events {{ worker_connections 8192; }}"""


def temporary(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


class Nginx:
    def __init__(self, shape: Description, members: Fleet, place: Path) -> None:
        self.target = Target("127.0.0.1", PORTS.take())
        self.handled_file = members.handled_file
        self.file = place / "nginx.conf"
        self.pid = 0
        self._shape = shape
        self._fleet = members

    async def members(self) -> Sequence[Member]:
        return self._fleet.members()

    def describe(self, leaving: Member | None = None) -> None:
        text = config(
            folder=self.file.parent,
            port=self.target.port,
            backends=[m.port for m in self._fleet.members() if m != leaving],
            max_conns=self._shape.in_flight,
        )
        self.file.write_text(text, encoding="utf-8")

    async def replace_all(self) -> None:
        """For each: the new one beside it, a reload, and it ends when no old worker knows it."""
        for number, old in enumerate(self._fleet.members()):
            await self._fleet.start(f"next-{number}")
            self.describe(leaving=old)
            await self._reload()
            await self._fleet.stop(old.name)

    async def add_one(self) -> None:
        await self._fleet.start(self._fleet.name(self._shape.replicas))
        self.describe()
        os.kill(self.pid, signal.SIGHUP)

    def processes(self) -> Mapping[str, Sequence[int]]:
        return {"nginx": [self.pid, *self._workers()]}

    async def _reload(self) -> None:
        """Until the workers with the old configuration have ended what they had begun."""
        before = self._workers()
        os.kill(self.pid, signal.SIGHUP)

        async def replaced() -> bool:
            now = await asyncio.to_thread(self._workers)
            return bool(now) and not now & before

        await until(
            replaced, limit_s=OLD_WORKERS_S_MAX, what="old workers of nginx are still there"
        )

    def _workers(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.pid).children()}


@asynccontextmanager
async def process(file: Path, port: int) -> AsyncIterator[int]:
    """The pid of the master of an nginx with this configuration."""
    place = file.parent
    argv = (find("nginx"), "-p", place, "-c", file, "-e", place / "nginx.log")
    async with serving(*argv, log=place / "nginx.out", port=port) as running:
        yield running.pid


@asynccontextmanager
async def running(shape: Description) -> AsyncIterator[Nginx]:
    with folder() as place:
        async with fleet(place, shape) as members:
            nginx = Nginx(shape, members, place)
            nginx.describe()
            async with process(nginx.file, nginx.target.port) as pid:
                nginx.pid = pid
                yield nginx


NGINX = Peer("nginx", running, checks_health=False)
