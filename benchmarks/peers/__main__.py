"""Headway beside its peers, on this machine, in turns: what users notice, and what it costs.

python -m benchmarks.peers                          everything, about 25 minutes
python -m benchmarks.peers kill --rounds 3          only this
python -m benchmarks.peers hang --only haproxy nginx   Headway and these
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.datapath import datapath
from benchmarks.peers.decision import decision
from benchmarks.peers.hang import hang
from benchmarks.peers.kill import kill
from benchmarks.peers.memory import memory
from benchmarks.peers.newcomer import newcomer
from benchmarks.peers.not_ok import not_ok
from benchmarks.peers.overload import overload, overload_checks
from benchmarks.peers.rolling import rolling
from benchmarks.peers.scenario import PEERS, Options, Scenario
from benchmarks.peers.slow import slow
from benchmarks.peers.table import Table, text, write
from benchmarks.peers.turn import turn
from benchmarks.peers.up import up
from benchmarks.report import Figure, machine
from benchmarks.site_under_test import LEFT_BEHIND

# Each with its rounds: more where a single run says little.
SCENARIOS: Mapping[str, tuple[Scenario, int]] = {
    "kill": (kill, 3),
    "hang": (hang, 3),
    "not-ok": (not_ok, 3),
    "slow": (slow, 3),
    "overload": (overload, 3),
    "overload-checks": (overload_checks, 3),
    "newcomer": (newcomer, 5),
    "rolling": (rolling, 3),
    "datapath": (datapath, 9),
    "decision": (decision, 60),
    "up": (up, 5),
    "turn": (turn, 30),
    "memory": (memory, 1),
}
SCENARIO_S_MAX = 600.0


async def measure(
    names: Sequence[str], said: argparse.Namespace, add: Callable[[Table], None]
) -> None:
    own, *others = PEERS
    wanted = said.only or [p.name.lower().partition(" ")[0] for p in others]
    peers = [own, *(p for p in others if p.name.lower().partition(" ")[0] in wanted)]
    for name in names:
        scenario, rounds = SCENARIOS[name]
        print(f"{name} …", file=sys.stderr, flush=True)
        LEFT_BEHIND.clear()
        try:
            async with asyncio.timeout(SCENARIO_S_MAX):
                table = await scenario(Options(said.rounds or rounds, peers))
        except Exception as error:  # noqa: BLE001 - the next scenario is still worth playing
            why: dict[str, dict[str, Figure]] = {"broke": {"": f"{type(error).__name__}: {error}"}}
            table = Table(name, name, why, promise="it can be played to its end", kept=False)
        add(table)


def main() -> int:
    said = _arguments()
    about, at, tables = machine(), datetime.now(UTC), list[Table]()

    def add(table: Table) -> None:
        """Written each time: a run that is interrupted has found something too."""
        print(text(table), flush=True)
        tables.append(table)
        write(tables, said.out, about, at)

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None, "we are in it"
        # As with Ctrl-C: everything that was started is ended on the way out.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await measure(said.scenario or [*SCENARIOS], said, add)

    try:
        asyncio.run(run())
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Interrupted.", file=sys.stderr)
        return 130
    finally:
        if tables:
            print(f"Written to {write(tables, said.out, about, at)}")
    return 0 if all(t.kept is not False for t in tables) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=_Formatter
    )
    parser.add_argument("scenario", nargs="*", help=f"one or more of: {', '.join(SCENARIOS)}")
    parser.add_argument("--rounds", type=int, default=0, help="instead of each scenario's own")
    others = [peer.name.lower().partition(" ")[0] for peer in PEERS[1:]]
    parser.add_argument("--only", nargs="+", choices=others, help="compare with these alone")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    said = parser.parse_args()
    for name in said.scenario:
        if name not in SCENARIOS:
            parser.error(f"no scenario is called {name}; there are: {', '.join(SCENARIOS)}")
    if said.rounds < 0:
        parser.error("--rounds is a number above zero")
    return said


_Formatter = argparse.RawDescriptionHelpFormatter


if __name__ == "__main__":
    sys.exit(main())
