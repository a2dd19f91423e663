"""What a scenario found, as a table for people and as JSON for comparison over time."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

Figure = int | float | str | None


@dataclass(frozen=True, slots=True)
class Finding:
    scenario: str
    promise: str  # what should hold, in one sentence
    kept: bool
    figures: Mapping[str, Figure]


def described(finding: Finding) -> str:
    """One scenario, narrow enough for a terminal: verdict, target, and one line per figure."""
    lines = [f"{verdict(finding)}  {finding.scenario}", f"        {finding.promise}"]
    width = max((len(name) for name in finding.figures), default=0)
    for name, figure in finding.figures.items():
        shown = f"{figure:,.1f}" if isinstance(figure, float) else str(figure)
        lines.append(f"        {name:{width}}  {shown}")
    return "\n".join([*lines, ""])


def verdicts(findings: Sequence[Finding]) -> str:
    """The end of a run: one line per scenario."""
    lines = [f"{verdict(finding)}  {finding.scenario}" for finding in findings]
    kept = sum(f.kept for f in findings)
    return "\n".join([*lines, f"{kept} of {len(findings)} promises kept."])


def verdict(finding: Finding) -> str:
    return "kept  " if finding.kept else "BROKEN"


def write_json(findings: Sequence[Finding], folder: Path, at: datetime | None = None) -> Path:
    """One file per run, with the machine it ran on: figures mean little without it."""
    at = at or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"skeleton-{at:%Y%m%dT%H%M%SZ}.json"
    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    body = {"at": at.isoformat(), "machine": machine, "findings": [asdict(f) for f in findings]}
    file.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    return file
