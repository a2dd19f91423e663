"""Break the running product on purpose, and measure what its users notice.

python -m benchmarks.skeleton                  everything, about 15 minutes
python -m benchmarks.skeleton kill overload    only these
python -m benchmarks.skeleton chaos --seed 7 --chaos-s 60
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.neighbours import neighbours
from benchmarks.report import Finding, described, machine, verdicts, write
from benchmarks.site_under_test import LEFT_BEHIND
from benchmarks.skeleton import changes, control, faces, overload, replicas
from benchmarks.skeleton.chaos import DURATION_S, chaos
from benchmarks.turn import turn

Scenario = Callable[[int], Awaitable[Finding]]
SCENARIOS: Mapping[str, Scenario] = {
    "kill": replicas.kill,
    "pause": replicas.pause,
    "not-ok": replicas.not_ok,
    "overload": overload.overload,
    "scale": changes.scale,
    "rolling": changes.rolling,
    "drain": changes.drain,
    "envoy-twin": changes.envoy_twin,
    "headwayd": control.headwayd,
    "keeper": control.keeper,
    "envoy": control.envoy,
    "down": faces.down,
    "demo": faces.demo,
    "status": faces.status,
    "turn": turn,
    "neighbours": neighbours,
    "chaos": chaos,
}


async def measure(scenarios: Mapping[str, Scenario], seed: int, findings: list[Finding]) -> None:
    """Adds each finding as it is made: a run that is interrupted has found something too."""
    for name, scenario in scenarios.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        LEFT_BEHIND.clear()
        try:
            finding = await scenario(seed)
        except Exception as error:  # noqa: BLE001 - the next scenario is still worth playing
            why = f"{type(error).__name__}: {error}"
            finding = Finding(name, "the scenario can be played to its end", False, {"broke": why})
        if LEFT_BEHIND:
            figures = {**finding.figures, "left behind": "; ".join(LEFT_BEHIND)}
            finding = replace(finding, kept=False, figures=figures)
        # What else the machine had to do is part of every figure.
        load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        finding = replace(finding, figures={**finding.figures, "load of the machine": load})
        print(described(finding), flush=True)
        findings.append(finding)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("scenario", nargs="*", help=f"one or more of: {', '.join(SCENARIOS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chaos-s", type=float, default=DURATION_S, help="how long chaos lasts")
    parser.add_argument("--overload-s", type=float, default=overload.OVERLOAD_S)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    said = parser.parse_args()
    for name in said.scenario:
        if name not in SCENARIOS:
            parser.error(f"no scenario is called {name}; there are: {', '.join(SCENARIOS)}")
    every: dict[str, Scenario] = {
        **SCENARIOS,
        "chaos": partial(chaos, duration_s=said.chaos_s),
        "overload": partial(overload.overload, duration_s=said.overload_s),
    }
    about = machine()
    names = said.scenario or SCENARIOS
    findings: list[Finding] = []
    try:
        asyncio.run(measure({name: every[name] for name in names}, said.seed, findings))
    finally:
        print(verdicts(findings))
        print(f"Written to {write(findings, said.out, about)}")
    return 0 if all(f.kept for f in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
