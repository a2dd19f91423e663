"""What a scenario found, as text and a table for people, and as JSON for comparison over time."""

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
        lines.append(f"        {name:{width}}  {_shown(figure)}")
    return "\n".join([*lines, ""])


def verdicts(findings: Sequence[Finding]) -> str:
    """The end of a run: one line per scenario."""
    lines = [f"{verdict(finding)}  {finding.scenario}" for finding in findings]
    kept = sum(f.kept for f in findings)
    return "\n".join([*lines, f"{kept} of {len(findings)} promises kept."])


def verdict(finding: Finding) -> str:
    return "kept  " if finding.kept else "BROKEN"


def markdown(findings: Sequence[Finding], about: Mapping[str, Figure]) -> str:
    """For docs/benchmarks.md: one row per scenario."""
    what = ", ".join(f"{name} {figure}" for name, figure in about.items())
    rows = ["| scenario | target | measured | kept |", "|---|---|---|---|"]
    for f in findings:
        measured = "; ".join(f"{name.strip()}: **{_shown(x)}**" for name, x in f.figures.items())
        cells = (f.scenario, f.promise, measured, "yes" if f.kept else "**no**")
        rows.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join([what, "", *rows, ""])


def machine() -> dict[str, Figure]:
    """Figures mean little without it, nor without what else it had to do."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load before the run": round(os.getloadavg()[0], 2),
    }


def write(
    findings: Sequence[Finding],
    folder: Path,
    about: Mapping[str, Figure],
    at: datetime | None = None,
) -> Path:
    """JSON to compare runs, and the same as a table beside it."""
    at = at or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"skeleton-{at:%Y%m%dT%H%M%SZ}.json"
    body = {"at": at.isoformat(), "machine": about, "findings": [asdict(f) for f in findings]}
    file.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    file.with_suffix(".md").write_text(markdown(findings, about), encoding="utf-8")
    return file


def _shown(figure: Figure) -> str:
    return f"{figure:,.1f}" if isinstance(figure, float) else str(figure)
