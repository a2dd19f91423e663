"""What a person waits for: the first start, the status, the end."""

import asyncio
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from benchmarks.report import Finding
from benchmarks.site_under_test import (
    HEADWAY,
    LEFT_BEHIND,
    Description,
    Ran,
    SiteUnderTest,
    free_port,
    running,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "search"
STARTS = 5
FIRST_ANSWER_S_MAX = 5.0
STATUSES = 20
STATUS_CPU_MS_MAX = 120.0
ASK_EVERY_S = 0.01
ANSWER_S_MAX = 60.0


async def demo(_: int) -> Finding:
    """`make demo` when all is installed: nothing runs, then nine replicas behind Envoy."""
    starts = [await _start() for _ in range(STARTS)]
    first_s = sorted(first for first, _, _ in starts)
    return Finding(
        scenario=f"cold start of examples/search, 9 replicas, {STARTS} times",
        promise=f"from the command to the first 200 <= {FIRST_ANSWER_S_MAX:g} s (median)",
        kept=median(first_s) <= FIRST_ANSWER_S_MAX,
        figures={
            "first 200 after, s (median)": f"{median(first_s):.2f}",
            "first 200 after, s (fastest)": f"{first_s[0]:.2f}",
            "first 200 after, s (slowest)": f"{first_s[-1]:.2f}",
            "all 9 ready after, s (median)": f"{median(up for _, up, _ in starts):.2f}",
            "down after, s (median)": f"{median(down for _, _, down in starts):.2f}",
        },
    )


async def _start() -> tuple[float, float, float]:
    """First 200, the command's end, and how long `down` took."""
    folder = Path(tempfile.mkdtemp(prefix="hwd-"))
    site = SiteUnderTest(folder / "home", free_port())
    site.temporary.mkdir()
    shutil.copytree(EXAMPLE, folder / "search")
    file = folder / "search" / "site.yaml"
    described = file.read_text(encoding="utf-8").replace("8080", str(site.target.port))
    file.write_text(described, encoding="utf-8")
    began_s = time.monotonic()
    command = asyncio.create_task(site.must("up", str(file)))
    try:
        await first_answer(site, command)
        first_s = time.monotonic() - began_s
        up = await command
        return first_s, up.took_s, (await site.must("down", "--yes", "--purge")).took_s
    finally:
        if left := await site.gone():
            LEFT_BEHIND.extend(left)
        shutil.rmtree(folder, ignore_errors=True)


async def first_answer(site: SiteUnderTest, command: asyncio.Task[Ran]) -> None:
    """Until the entry answers with 200; when the command fails, with its error."""
    request = site.target.request("GET", "first")
    end_s = time.monotonic() + ANSWER_S_MAX
    while time.monotonic() < end_s:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(site.target.host, site.target.port)
            writer.write(request)
            head = await reader.read(64)
            writer.close()
            if b" 200 " in head:
                return
        if command.done():
            await command  # it failed, and says why
        await asyncio.sleep(ASK_EVERY_S)
    raise TimeoutError(f"no answer after {ANSWER_S_MAX:g} s")


async def status(_: int) -> Finding:
    async with running(Description(replicas=3)) as site:
        taken = sorted([await asyncio.to_thread(_cpu_ms, site) for _ in range(STATUSES)])
    return Finding(
        scenario=f"headway status, {STATUSES} times",
        promise=f"processor time of the command <= {STATUS_CPU_MS_MAX:g} ms (median)",
        kept=median(taken) <= STATUS_CPU_MS_MAX,
        figures={"median, ms": median(taken), "least, ms": taken[0], "most, ms": taken[-1]},
    )


def _cpu_ms(site: SiteUnderTest) -> float:
    env = os.environ | {"HEADWAY_HOME": str(site.home)}
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    argv = [str(HEADWAY), "status", "--site", "bench"]
    pid = os.posix_spawn(HEADWAY, argv, env, file_actions=silent)
    _, ended, used = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(ended) == 0, "headway status failed"
    return 1000 * (used.ru_utime + used.ru_stime)


async def down(_: int) -> Finding:
    """What is left is added by whoever runs the scenarios, as everywhere."""
    async with running(Description(replicas=3)) as site:
        load = site.load(rate_s=200)
        await asyncio.sleep(2)
        await load.stop()
        ran = await site.must("down", "--yes", "--purge")
        left = await site.gone()
        shutil.rmtree(site.home)  # or the next `down` would start a headwayd to ask it
    return Finding(
        scenario="headway down --purge of a site that had served",
        promise="no process, no listening port and no file is left but headwayd's log and journal",
        kept=not left,
        figures={"left": "; ".join(left) or "nothing", "took, s": ran.took_s},
    )
