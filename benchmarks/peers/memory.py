"""Memory of everything Headway runs for the example site, and of the peers' processes beside it.

PSS: what several processes share is counted once. After some load, without the replicas.
"""

import asyncio
import re
import shutil

from benchmarks.load import Limits, OpenLoop, Users
from benchmarks.peers.peer import Peer
from benchmarks.peers.proc import pss_mb
from benchmarks.peers.scenario import RATE_S, TIMEOUT_S, Options, under_load
from benchmarks.peers.table import Table
from benchmarks.report import Figure
from benchmarks.site_under_test import Description, prepared
from benchmarks.skeleton.faces import EXAMPLE

SHAPE = Description(replicas=9)  # as many as the example has
LOADED_S = 5.0
OWN_MB_MAX = 150.0
HEADWAYD, KEEPER, ENVOY = "headwayd", "keeper", "Envoy"
NAMES = {"headway.daemon": HEADWAYD, "headway.engine.io.keeper": KEEPER}


async def memory(options: Options) -> Table:
    _, *others = options.peers
    own = await _example()
    rows: dict[str, dict[str, Figure]] = {
        f"Headway: {role}": {"MB": mb} for role, mb in own.items()
    }
    ours_mb = own[HEADWAYD] + own[KEEPER]
    rows["Headway: headwayd and keeper"] = {"MB": ours_mb}
    rows["Headway: all"] = {"MB": sum(own.values())}
    broke = []
    for peer in others:
        try:
            rows[peer.name] = await _peer(peer)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is this candidate's row
            broke.append(f"{peer.name} could not be measured: {type(error).__name__}: {error}")
    return Table(
        "memory",
        f"Memory (PSS) after {LOADED_S:.0f} s of {RATE_S:.0f} requests/s; 9 replicas, not counted",
        rows,
        (
            (
                "Headway runs examples/search, three services with arrows between them; the peers "
                "one service of nine. HAProxy and nginx only balance; they neither run nor watch "
                "anything."
            ),
            *broke,
        ),
        promise=f"headwayd and keeper <= {OWN_MB_MAX:g} MB together",
        kept=ours_mb <= OWN_MB_MAX,
    )


async def _example() -> dict[str, float]:
    async with prepared() as site:
        folder = site.home.parent / "search"
        shutil.copytree(EXAMPLE, folder)
        file = folder / "site.yaml"
        text = file.read_text(encoding="utf-8").replace("8080", str(site.target.port))
        file.write_text(text, encoding="utf-8")
        await site.must("up", str(file))
        load = OpenLoop(Users(site.target, Limits(timeout_s=TIMEOUT_S)), RATE_S)
        await asyncio.sleep(LOADED_S)
        await load.stop()
        roles = {pid: role_of(command) for pid, command in site.processes().items()}
        return {
            role: pss_mb(pid for pid, own in roles.items() if own == role)
            for role in sorted({*roles.values()} - {""})
        }


def role_of(command: str) -> str:
    """Of one of Headway's processes, by its command line; "" for a replica."""
    if found := re.search(r" -m (headway\.[\w.]+)", command):
        return NAMES.get(found[1], found[1])
    return ENVOY if re.match(r"\S+/envoy ", command) else ""


async def _peer(peer: Peer) -> dict[str, Figure]:
    async with peer.running(SHAPE) as running:
        async with under_load(running) as load:
            await asyncio.sleep(LOADED_S)
            await load.stop()
        return {"MB": sum(pss_mb(pids) for pids in running.processes().values())}
