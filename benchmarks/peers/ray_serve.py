"""Ray Serve with its own proxy, which runs its replicas itself. Everything else is its default,
but health is checked as often as its controller can, and overload is refused, not queued for ever.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
from benchmarks.load import Target
from benchmarks.peers.binaries import ROOT, ray_python
from benchmarks.peers.peer import Member, Peer
from benchmarks.peers.process import PORTS, end, end_of, folder, spawn, until
from benchmarks.site_under_test import Description

APP = Path(__file__).with_name("ray_app.py")
ORDER_S_MAX = 150.0
LEAVING_S_MAX = 15.0
ENV = {
    "PYTHONPATH": str(ROOT),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # one machine: it binds to loopback only
}


class RayServe:
    def __init__(self, shape: Description, place: Path, port: int) -> None:
        self.target = Target("127.0.0.1", port)
        self.handled_file = place / "handled"
        self._members = place / "members"
        self._log = place / "driver.log"
        self._shape = shape
        self._version = 0
        self._driver: asyncio.subprocess.Process | None = None

    def belongs_to(self, driver: asyncio.subprocess.Process) -> None:
        self._driver = driver

    async def members(self) -> Sequence[Member]:
        found = []
        for file in self._members.iterdir():
            if _is_alive(int(file.name)):
                port = int(file.read_text(encoding="ascii"))
                found.append(Member(f"ray-{file.name}", int(file.name), port))
        return sorted(found, key=lambda m: m.pid)

    async def deploy(self) -> None:
        """A new version of everything; whoever was there before is gone when it returns."""
        before = {member.pid for member in await self.members()}
        self._version += 1
        await self._order(f"deploy v{self._version} {self._shape.replicas}")
        await self._complete(self._shape.replicas, without=before)

    async def replace_all(self) -> None:
        await self.deploy()

    async def add_one(self) -> None:
        await self._order(f"deploy v{self._version} {self._shape.replicas + 1}")
        await self._complete(self._shape.replicas + 1, without=set())

    async def _complete(self, count: int, *, without: set[int]) -> None:
        async def so() -> bool:
            now = {member.pid for member in await self.members()}
            return len(now) == count and not now & without

        await until(so, limit_s=ORDER_S_MAX, what=f"Ray Serve has no {count} replicas")

    def processes(self) -> Mapping[str, Sequence[int]]:
        replicas = {int(file.name) for file in self._members.iterdir()}
        family = _family(self._members.parent)
        return {"Ray": [p.pid for p in family if p.pid not in replicas]}

    async def _order(self, order: str) -> None:
        driver = self._driver
        assert driver is not None, "it has been started"
        assert driver.stdin is not None, "it listens to us"
        assert driver.stdout is not None, "and answers"
        driver.stdin.write(f"{order}\n".encode())
        try:
            async with asyncio.timeout(ORDER_S_MAX):
                while line := await driver.stdout.readline():
                    if line == b"done\n":
                        return
            why = "it ended"
        except TimeoutError:
            why = f"not within {ORDER_S_MAX:g} s"
        said = await asyncio.to_thread(end_of, self._log)
        raise RuntimeError(f"Ray Serve did not do `{order}`: {why}. {said}")


@asynccontextmanager
async def running(shape: Description) -> AsyncIterator[RayServe]:
    python = ray_python()
    with folder() as place:
        (place / "members").mkdir()
        ray = RayServe(shape, place, PORTS.take())
        arguments = (str(ray.target.port), str(shape.in_flight), str(place))
        capacity = shape.backend_arguments(ray.handled_file)
        argv = (str(python), str(APP), *arguments, *capacity)
        # It writes a token into its home, which need not be the user's.
        driver = await spawn(
            *argv, log=place / "driver.log", env={**ENV, "HOME": str(place)}, talks=True
        )
        ray.belongs_to(driver)
        try:
            await ray.deploy()
            yield ray
        finally:
            await _leave(driver, place)


async def _leave(driver: asyncio.subprocess.Process, place: Path) -> None:
    """The whole family: what Ray itself does not end within its time is ended here."""
    if driver.stdin is not None:
        driver.stdin.close()  # the end of its orders
    with suppress(TimeoutError):
        await asyncio.wait_for(driver.wait(), LEAVING_S_MAX)
    await end(driver, grace_s=1.0)
    left = await asyncio.to_thread(_family, place)
    for process in left:
        with suppress(psutil.NoSuchProcess):  # knows a process by its birth, not by its pid alone
            process.kill()
    await asyncio.to_thread(psutil.wait_procs, left, timeout=LEAVING_S_MAX)


def _family(place: Path) -> list[psutil.Process]:
    """Everything with this home, wherever it hangs in the tree of processes by now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("HOME") == str(place):
                found.append(process)
    return found


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


# Its proxy is Python and shares two cores with everything else here; it takes 15 s to start.
RAY_SERVE = Peer("Ray Serve", running, rate_most_s=200.0, rounds_most=2)
