"""Headway as the scenarios of `benchmarks.skeleton` run it, behind the same face as its peers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import site_under_test
from benchmarks.load import Target
from benchmarks.peers.peer import Member, Peer
from benchmarks.site_under_test import Description, SiteUnderTest


class Headway:
    def __init__(self, site: SiteUnderTest, shape: Description, envoy_pid: int) -> None:
        self._site = site
        self._shape = shape
        self._envoy_pid = envoy_pid

    @property
    def target(self) -> Target:
        return self._site.target

    @property
    def handled_file(self) -> Path:
        return self._site.handled_file

    async def members(self) -> Sequence[Member]:
        found = []
        for replica in (await self._site.look()).ready:
            assert replica.pid is not None, "a ready replica has a process"
            assert replica.port is not None, "and a port"
            found.append(Member(replica.id, replica.pid, replica.port))
        return found

    async def replace_all(self) -> None:
        await self._site.must("restart", "web")
        await self._site.settled()

    async def add_one(self) -> None:
        await self._site.must("scale", "web", str(self._shape.replicas + 1))

    def processes(self) -> Mapping[str, Sequence[int]]:
        found = {
            "headwayd": self._site.daemon_pid(),
            "keeper": self._site.keeper_pid(),
            "Envoy": self._envoy_pid,
        }
        return {role: [pid] for role, pid in found.items() if pid is not None}


@asynccontextmanager
async def running(shape: Description) -> AsyncIterator[Headway]:
    async with site_under_test.running(shape) as site:
        await site.settled()
        envoy_pid = (await site.look()).envoy_pid
        assert envoy_pid is not None, "a settled site has an Envoy"
        yield Headway(site, shape, envoy_pid)


HEADWAY = Peer("Headway", running)
