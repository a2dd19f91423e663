"""What a comparison found, a row per candidate: text, Markdown, JSON. Pure but for `write`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.report import Figure

ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Table:
    scenario: str  # what it is called on the command line
    title: str
    rows: Mapping[str, Mapping[str, Figure]]  # candidate -> column -> figure
    notes: tuple[str, ...] = ()  # how it was measured, what is not comparable
    promise: str = ""  # of Headway; "" where there is only something to compare
    kept: bool | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of any row, in the order of their first appearance."""
        return tuple(dict.fromkeys(column for row in self.rows.values() for column in row))


def text(table: Table) -> str:
    """For a terminal."""
    head = ["", *table.columns]
    body = [
        [name, *(shown(row.get(column)) for column in table.columns)]
        for name, row in table.rows.items()
    ]
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    lines = [table.title, *_verdict(table)]
    for line in (head, *body):
        first, *others = (cell.ljust(w) for cell, w in zip(line, widths, strict=True))
        lines.append("  ".join((f"  {first}", *others)).rstrip())
    return "\n".join([*lines, *(f"  * {note}" for note in table.notes), ""])


def markdown(table: Table) -> str:
    """For docs/benchmarks.md."""
    columns = table.columns
    lines = [f"### {table.title}", "", *_verdict(table)]
    lines += [""] if table.promise else []
    lines.append(f"| | {' | '.join(columns)} |")
    lines.append(f"|---{'|---' * len(columns)}|")
    for name, row in table.rows.items():
        cells = (shown(row.get(column)).replace("|", "/") for column in columns)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in table.notes), ""])


def shown(figure: Figure) -> str:
    """Three digits that mean something, not six that do not."""
    match figure:
        case None:
            return ABSENT
        case float() if abs(figure) >= 100:
            return f"{figure:,.0f}"
        case float() if abs(figure) >= 10:
            return f"{figure:.1f}"
        case float():
            return f"{figure:.2f}"
        case int():
            return f"{figure:,}"
        case str():
            return figure or ABSENT


def write(tables: Sequence[Table], folder: Path, about: Mapping[str, Figure], at: datetime) -> Path:
    """JSON to compare runs, and the same as Markdown beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"peers-{at:%Y%m%dT%H%M%SZ}.json"
    body = {"at": at.isoformat(), "machine": about, "tables": [asdict(t) for t in tables]}
    file.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    what = ", ".join(f"{name} {shown(figure)}" for name, figure in about.items())
    parts = [what, "", *(markdown(table) for table in tables)]
    file.with_suffix(".md").write_text("\n".join(parts), encoding="utf-8")
    return file


def _verdict(table: Table) -> list[str]:
    if not table.promise:
        return []
    said = {True: "kept", False: "BROKEN", None: "not measured"}[table.kept]
    return [f"{said}: {table.promise}"]
