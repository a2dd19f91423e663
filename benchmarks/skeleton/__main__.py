"""Break the running product on purpose, and measure what its users notice.

python -m benchmarks.skeleton                  all but the ten minutes of chaos
python -m benchmarks.skeleton kill overload    only these
python -m benchmarks.skeleton chaos --seed 7
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.report import Finding, table, write_json
from benchmarks.site_under_test import LEFT_BEHIND
from benchmarks.skeleton import changes, control, replicas
from benchmarks.skeleton.chaos import DURATION_S, chaos

Scenario = Callable[[int], Awaitable[Finding]]
SCENARIOS: Mapping[str, Scenario] = {
    "kill": replicas.kill,
    "pause": replicas.pause,
    "overload": replicas.overload,
    "scale": changes.scale,
    "rolling": changes.rolling,
    "drain": changes.drain,
    "envoy-twin": changes.envoy_twin,
    "headwayd": control.headwayd,
    "keeper": control.keeper,
    "envoy": control.envoy,
    "chaos": chaos,
}
ONLY_WHEN_ASKED_FOR = {"chaos"}


async def measure(scenarios: Mapping[str, Scenario], seed: int) -> list[Finding]:
    findings = []
    for name, scenario in scenarios.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        LEFT_BEHIND.clear()
        try:
            finding = await scenario(seed)
            if LEFT_BEHIND:
                figures = {**finding.figures, "not ended by headway down": len(LEFT_BEHIND)}
                finding = replace(finding, kept=False, figures=figures)
            findings.append(finding)
        except Exception as error:  # noqa: BLE001 - the next scenario is still worth playing
            findings.append(Finding(name, "the scenario could be played to its end", False, {}))
            print(f"  {type(error).__name__}: {error}", file=sys.stderr)
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("scenario", nargs="*", help=f"one or more of: {', '.join(SCENARIOS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chaos-s", type=float, default=DURATION_S, help="how long chaos lasts")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    said = parser.parse_args()
    for name in said.scenario:
        if name not in SCENARIOS:
            parser.error(f"no scenario is called {name}; there are: {', '.join(SCENARIOS)}")
    names = said.scenario or [name for name in SCENARIOS if name not in ONLY_WHEN_ASKED_FOR]
    every: dict[str, Scenario] = {**SCENARIOS, "chaos": partial(chaos, duration_s=said.chaos_s)}
    findings = asyncio.run(measure({name: every[name] for name in names}, said.seed))
    print(table(findings))
    print(f"Written to {write_json(findings, said.out)}")
    return 0 if all(f.kept for f in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
