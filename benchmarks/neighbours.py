"""Two environments of one site beside another site that is broken and overloaded.

The neighbour has replicas that crash at once, replicas that burn a processor and are never ready,
replicas whose health is an error, and more users than it can serve, each of whom asks again at
once. The innocent get a steady stream of requests: first alone, then beside it. None may fail.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Limits, OpenLoop, Target, Users
from benchmarks.report import Finding
from benchmarks.site_under_test import BACKEND, HEADWAY, free_port
from benchmarks.summary import Record, Summary, summarize

RATE_S = 50.0
DURATION_S = 20.0
USERS = 256
COMMAND_S_MAX = 90.0
BURNERS = 4
INNOCENT = ("production", "test")
LIMITS = Limits(connections_max=256, timeout_s=5.0, post_every=2)
BURN = '"while True: pass"'
SOUND = {
    "web": f"run: {sys.executable} {BACKEND} --slots 4 --takes-ms 20\n    replicas: 2\n"
    "    overload: {in_flight: 1000}",
}
BROKEN = {
    "crash": f"run: {sys.executable} -c 'raise SystemExit(3)'\n    replicas: 8",
    "burn": f"run: {sys.executable} -c {BURN}\n    replicas: {BURNERS}",
    "sick": f"run: {sys.executable} -m http.server --bind 127.0.0.1 $PORT\n"
    "    replicas: 2\n    health: {path: /no-such-page, expect: status}",
}


@dataclass(frozen=True, slots=True)
class Measured:
    alone: Summary
    beside: Summary


class Machine:
    """One home with both sites."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self._folders = {"innocent": folder / "innocent", "noisy": folder / "noisy"}
        self.ports = {name: free_port() for name in (*INNOCENT, "noisy")}
        for site, text in (("innocent", self._innocent()), ("noisy", self._noisy(SOUND))):
            self._folders[site].mkdir()
            (self._folders[site] / "site.yaml").write_text(text, encoding="utf-8")

    async def headway(self, site: str, *words: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            str(HEADWAY),
            *words,
            env=os.environ | {"HEADWAY_HOME": str(self.home), "NO_COLOR": "1"},
            cwd=self._folders[site],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), COMMAND_S_MAX)
        except TimeoutError:
            process.kill()
            said, _ = await process.communicate()
        return process.returncode or 0, said.decode(errors="replace")

    async def bring_up(self) -> None:
        for env in INNOCENT:
            code, said = await self.headway("innocent", "up", "site.yaml", "--env", env)
            if code != 0:
                raise RuntimeError(f"headway up --env {env}: exit {code}\n{said}")

    async def break_neighbour(self) -> None:
        """First it serves, so that there is something to overload; then it gets its faults."""
        code, said = await self.headway("noisy", "up", "site.yaml")
        if code != 0:
            raise RuntimeError(f"headway up of the neighbour: exit {code}\n{said}")
        text = self._noisy({**SOUND, **BROKEN})
        (self._folders["noisy"] / "site.yaml").write_text(text, encoding="utf-8")
        await self.headway("noisy", "up", "site.yaml", "--wait", "3s")

    async def bring_down(self) -> None:
        everything = [("noisy", "production"), *(("innocent", env) for env in INNOCENT)]
        for site, env in everything:
            await self.headway(site, "down", "--yes", "--purge", "--site", site, "--env", env)

    def _innocent(self) -> str:
        run = f"{sys.executable} {BACKEND} --slots 64 --takes-ms 5"
        return (
            f"headway: 1\nsite: innocent\nentry: {{service: web, port: {self.ports['production']}}}"
            f"\nservices:\n  web:\n    run: {run}\n    replicas: 3\n"
            f"environments:\n  test: {{'*.replicas': 2, entry.port: {self.ports['test']}}}\n"
        )

    def _noisy(self, services: Mapping[str, str]) -> str:
        text = "".join(f"  {name}:\n    {body}\n" for name, body in services.items())
        entry = f"entry: {{service: web, port: {self.ports['noisy']}}}"
        return f"headway: 1\nsite: noisy\n{entry}\nservices:\n{text}"


@asynccontextmanager
async def machine_with_both() -> AsyncIterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="hwn-"))
    both = Machine(folder)
    try:
        await both.bring_up()
        yield both
    finally:
        await both.bring_down()
        shutil.rmtree(folder, ignore_errors=True)


async def neighbours(_: int = 0, duration_s: float = DURATION_S) -> Finding:
    async with machine_with_both() as both:
        alone = await _steady(both, duration_s)
        await both.break_neighbour()
        crowd = await _crowd(both.ports["noisy"], duration_s)
        beside = await _steady(both, duration_s)
        served = await _of_crowd(crowd)
        _, told = await both.headway("innocent", "envs", "-o", "json")
    measured = {env: Measured(alone[env], beside[env]) for env in INNOCENT}
    figures: dict[str, float | str | None] = {}
    for env, seen in measured.items():
        for when, summary in (("alone", seen.alone), ("beside", seen.beside)):
            figures[f"{env} {when}, failed of sent"] = f"{summary.failed} of {summary.sent}"
            figures[f"{env} {when}, p99 ms"] = summary.p99_ms
    figures["the neighbour's users"] = served
    settled = {
        e["id"]["name"]: e["settled"] for e in json.loads(told) if e["id"]["site"] == "innocent"
    }
    figures["innocent environments settled at the end"] = sum(settled.values())
    return Finding(
        scenario=f"two environments beside a broken and overloaded site, {duration_s:g} s",
        promise=f"0 failed at {RATE_S:g} requests/s each, and still settled",
        kept=all(not m.beside.failed for m in measured.values()) and all(settled.values()),
        figures=figures,
    )


async def _steady(both: Machine, duration_s: float) -> dict[str, Summary]:
    loads = {}
    for env in INNOCENT:
        users = Users(Target("127.0.0.1", both.ports[env]), LIMITS, name=env)
        loads[env] = OpenLoop(users, RATE_S)
    await asyncio.sleep(duration_s)
    records: dict[str, list[Record]] = {env: await load.stop() for env, load in loads.items()}
    return {env: summarize(found) for env, found in records.items()}


async def _crowd(port: int, duration_s: float) -> asyncio.subprocess.Process:
    """In a process of its own, so that it does not slow down who measures."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.load", f"http://127.0.0.1:{port}/", "--users", str(USERS)),
        *("--for", str(duration_s + 1.0), "--timeout", "2"),
        cwd=Path(__file__).parents[1],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _of_crowd(crowd: asyncio.subprocess.Process) -> str:
    try:
        said, _ = await asyncio.wait_for(crowd.communicate(), COMMAND_S_MAX)
    except TimeoutError:
        crowd.kill()
        said, _ = await crowd.communicate()
    return said.decode(errors="replace").partition("\n")[0]
