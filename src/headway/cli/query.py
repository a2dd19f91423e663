"""`headway query`: ask the monitor in PromQL; a table for now, a plot for a length of time."""

import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from headway.cli.duration_option import Duration
from headway.cli.monitor_client import ask
from headway.cli.session import Session, common
from headway.cli.show import Cell, bold, clean, dim, plural, shorten, table, width
from headway.cli.trouble import Trouble
from headway.cli.verb import Verb

BLOCKS = "▁▂▃▄▅▆▇█"
POINTS = 60  # of a plot, when no step is asked for
POINTS_MAX = 11_000
SERIES_SHOWN_MAX = 50
NAME = "__name__"
STEP_S_MIN = 1.0
Labels = Mapping[str, str]


@click.command(
    cls=Verb,
    examples=(
        "headway query 'sum by(service)(rate(headway_requests_total[10s]))'",
        "headway query 'max by(service)(headway_process_resident_bytes)'",
        "headway query headway_process_resident_bytes --since 1h",
    ),
)
@click.argument("expression")
@click.option("--since", type=Duration(), help="From so long ago until now: a plot per series.")
@click.option("--step", type=Duration(), help="Between two points of the plot.")
@common
def query(session: Session, *, expression: str, since: float | None, step: float | None) -> None:
    """Ask the monitor, in PromQL, about everything that runs on this machine.

    Labels say what is what: {site="search", environment="production", service="frontend"}. Of all
    sites, unless the expression says otherwise.
    """
    if session.client.is_remote:
        raise Trouble(
            "failed",
            "the monitor only answers on its own machine",
            remedy="run the command there, as through ssh",
        )
    if step is not None and since is None:
        raise Trouble("bad-request", "--step needs --since: a step between which points?")
    try:
        answer = _asked(session, expression, since, step)
    except Trouble as trouble:
        if trouble.code != "bad-request":
            raise
        raise Trouble(
            trouble.code, f"{trouble.error}{pointed(expression, trouble.error)}"
        ) from None
    if session.json:
        session.print_json(answer)
        return
    for note in (*answer.get("warnings", ()), *answer.get("infos", ())):
        click.echo(dim(clean(note)), err=True)
    show(answer["data"])


def _asked(
    session: Session, expression: str, since: float | None, step: float | None
) -> Mapping[str, Any]:
    now_s = time.time()
    if since is None:
        return ask(session.home, "/query", {"query": expression, "time": f"{now_s:.3f}"})
    step_s = step or max(STEP_S_MIN, math.ceil(since / POINTS))
    if since / step_s > POINTS_MAX:
        raise Trouble(
            "bad-request", f"more than {POINTS_MAX:,} points", remedy="ask for a longer --step"
        )
    # On whole steps: asked twice, the points are the same ones.
    end_s = now_s // step_s * step_s
    form = {"start": f"{end_s - since:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:.3f}"}
    return ask(session.home, "/query_range", {"query": expression, **form})


def show(data: Mapping[str, Any]) -> None:
    result = data["result"]
    match data["resultType"]:
        case "scalar" | "string":
            click.echo(clean(str(result[1])))
        case "vector":
            _show_table(result)
        case _:
            _show_plots(result)


def _show_table(result: Sequence[Mapping[str, Any]]) -> None:
    if not result:
        click.echo("no series has a value now")
        return
    common_labels, names = parted([one["metric"] for one in result])
    if common_labels:
        click.echo(dim(clean(named(common_labels))))
    rows: list[list[Cell]] = [[*((name, "dim") for name in names), ("value", "dim")]]
    for one in sorted(result, key=lambda r: [r["metric"].get(n, "") for n in names]):
        cells: list[Cell] = [one["metric"].get(name, "") for name in names]
        rows.append([*cells, number(one["value"][1])])
    click.echo(table(rows))


def _show_plots(result: Sequence[Mapping[str, Any]]) -> None:
    if not result:
        click.echo("no series has a value in this time")
        return
    room = (width() or 2 * POINTS) - 2
    common_labels, _ = parted([one["metric"] for one in result])
    if common_labels and len(result) > 1:
        click.echo(dim(clean(named(common_labels))))
    times = [float(at) for one in result for at, _ in one["values"]]
    first_s, last_s, columns = min(times), max(times), min(room, POINTS, len(set(times)))
    for one in result[:SERIES_SHOWN_MAX]:
        own = one["metric"] if len(result) == 1 else _without(one["metric"], common_labels)
        points = [(float(at), float(value)) for at, value in one["values"]]
        values = [value for _, value in points if math.isfinite(value)]
        click.echo(bold(shorten(clean(named(own) or "value"), room)))
        click.echo(f"  {plot(points, first_s, last_s, columns)}")
        if values:
            figures = (("min", min(values)), ("max", max(values)), ("last", points[-1][1]))
            click.echo(dim("  " + "  ".join(f"{what} {number(v)}" for what, v in figures)))
    hidden = len(result) - SERIES_SHOWN_MAX
    if hidden > 0:
        click.echo(dim(f"and {plural(hidden, 'more series')[:-1]}; -o json has all"))


def parted(metrics: Sequence[Labels]) -> tuple[Labels, list[str]]:
    """What all have in common, and the names of the labels in which they differ."""
    names = sorted({name for labels in metrics for name in labels})
    if len(metrics) == 1:
        return {}, names
    shared = {
        name: metrics[0][name]
        for name in names
        if name in metrics[0] and all(labels.get(name) == metrics[0][name] for labels in metrics)
    }
    return shared, [name for name in names if name not in shared]


def named(labels: Labels) -> str:
    inside = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != NAME)
    return labels.get(NAME, "") + (f"{{{inside}}}" if inside else "")


def plot(points: Sequence[tuple[float, float]], first_s: float, last_s: float, columns: int) -> str:
    """One block per column, as high as its mean; blank where there is nothing."""
    sums: dict[int, tuple[float, int]] = {}
    span_s = max(last_s - first_s, 1e-9)
    for at_s, value in points:
        if math.isfinite(value):
            column = round((at_s - first_s) / span_s * (columns - 1))
            total, count = sums.get(column, (0.0, 0))
            sums[column] = (total + value, count + 1)
    means = {column: total / count for column, (total, count) in sums.items()}
    if not means:
        return ""
    least, most = min(0.0, *means.values()), max(means.values())
    height = (most - least) or 1.0
    return "".join(
        BLOCKS[round((means[c] - least) / height * (len(BLOCKS) - 1))] if c in means else " "
        for c in range(columns)
    ).rstrip()


def number(value: str | float) -> str:
    """Four digits are enough to see what is going on; -o json has all."""
    read = float(value)
    if not math.isfinite(read) or read == int(read):
        return f"{int(read):,}" if math.isfinite(read) and abs(read) < 1e15 else f"{read:g}"
    return f"{read:.4g}" if abs(read) < 10_000 else f"{read:,.0f}"


def pointed(expression: str, reason: str) -> str:
    """The line and a caret below the place, where the reason tells which."""
    at = place(expression, reason)
    if at is None or "\n" in expression:
        return ""
    return f"\n   | {expression}\n   | {' ' * at}^"


def place(expression: str, reason: str) -> int | None:
    if "unclosed left parenthesis" in reason:
        return _unclosed(expression)
    if "end of input" in reason:
        return len(expression)
    quoted = re.search(
        r"(?:function|character|identifier|label|unknown)[^'\"`]*['\"`]([^'\"`]+)", reason
    )
    found = expression.find(quoted[1]) if quoted else -1
    return found if found >= 0 else None


def _unclosed(expression: str) -> int | None:
    """The innermost parenthesis that is never closed."""
    open_at: list[int] = []
    quote = ""
    for index, character in enumerate(expression):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'`":
            quote = character
        elif character == "(":
            open_at.append(index)
        elif character == ")" and open_at:
            open_at.pop()
    return open_at[-1] if open_at else None


def _without(labels: Labels, shared: Labels) -> Labels:
    return {name: value for name, value in labels.items() if name not in shared}
