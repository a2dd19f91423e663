"""What a status looks like: lines, the worst first; whoever prints them, once or often."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import click

from headway.cli.follow import count
from headway.cli.session import Session
from headway.cli.show import (
    COLOUR_OF_PHASE,
    Cell,
    bold,
    clean,
    clock,
    dim,
    duration,
    marked,
    moment,
    shorten,
    table,
    width,
)

SPARE_OF_SERVICES = ("RELEASE",)
SPARE_OF_REPLICAS = ("RELEASE", "PORT", "ZONE", "HOST", "PID", "UP")
FOLDED_FROM = 4  # as many replicas that are alike become one line, when lines are short
CONCERN = ("failed", "unready", "starting", "stopping", "draining", "done", "ready")


def picture(
    session: Session,
    seen: Any,
    *,
    replicas: bool,
    changed: Collection[str] | None = None,
    lines_max: int | None = None,
) -> list[str]:
    """All of it; with `changed` there is a mark before each of these. When there are fewer lines
    than replicas, those that are alike share one.
    """
    above, below = [_headline(seen)], list(_below(session, seen))
    if not seen["services"]:
        return above + below
    if not replicas:
        return [*above, *_services(seen, changed).splitlines(), *below]
    room = None if lines_max is None else lines_max - len(above) - len(below) - 1
    return [*above, *_replicas(seen, changed, room).splitlines(), *below]


def rows_of(seen: Any, *, replicas: bool) -> dict[str, str]:
    """What to compare to see a change: each line of the table by the name it begins with."""
    if not replicas:
        return {s["name"]: f"{count(s)} {s['release']} {_state(s)[0]}" for s in seen["services"]}
    return {
        r["id"]: f"{r['phase']} {r['incarnation']} {r['release']} {r['reason']}"
        for s in seen["services"]
        for r in s["replicas"]
    }


def _below(session: Session, seen: Any) -> Iterable[str]:
    for text in seen["trouble"]:
        yield f"{click.style('trouble', fg='red')}   {clean(text)}"
    for service in seen["services"]:
        for override in (o for o in service["overrides"] if not o["blocked_by"]):
            yield dim("override  ") + _override(override)
    if seen["entry_url"]:
        yield f"{dim('entry')}     {seen['entry_url']}"
    for name in ("envoy", "journal"):
        if not seen[name]["ok"]:
            yield f"{click.style(f'{name:<8}', fg='red')}  {clean(seen[name]['text'])}"
    worst = _worst(seen)
    if worst is not None and not worst["settled"]:
        why, logs = session.hint("why"), session.hint("logs")
        yield f"Next: {why} {worst['name']} ; {logs} {worst['name']}"


def _headline(seen: Any) -> str:
    """Name, state, cause, description and age; the cause is cut so that it stays one line."""
    name = f"{seen['id']['site']}/{seen['id']['name']}"
    up_s = (moment(seen["at"]) - moment(seen["applied_at"])).total_seconds()
    age = f"{seen['digest']}, for {duration(max(0.0, up_s))}"
    state, colour, cause = _state_of_all(seen)
    columns = width()
    if columns is not None:
        room = columns - len(name) - len(state) - len(age) - 7
        cause = shorten(cause, max(8, room))
    mark = click.style(state, fg=colour, bold=colour == "red")
    return "  ".join(part for part in (bold(name), mark, clean(cause), f" {dim(age)}") if part)


def _state_of_all(seen: Any) -> tuple[str, str, str]:
    """State, its colour, and the cause when it is not a good one."""
    worst = _worst(seen)
    cause = f"{worst['name']}: {_cause(worst)}" if worst else ""
    trouble = str(seen["trouble"][0]) if seen["trouble"] else ""
    if seen["going_down"]:
        return "going down", "cyan", ""
    if seen["failed"]:
        return "FAILED", "red", cause if worst and worst["failed"] else trouble or cause
    if not seen["services"]:
        return "working", "yellow", trouble or "headwayd has just begun to look"
    if not seen["settled"]:
        return "working", "yellow", cause or trouble or str(seen["envoy"]["text"])
    return "ready", "green", ""


def _worst(seen: Any) -> Any:
    """The service to talk about first; None when all are as they should be."""
    wrong = [s for s in seen["services"] if not s["settled"]]
    return min(wrong, key=lambda s: (not s["failed"], s["ready_count"]), default=None)


def _cause(service: Any) -> str:
    if service["reason"]:
        return str(service["reason"])
    return str(service["waiting"][0]) if service["waiting"] else f"{count(service)} ready"


def _worst_first(seen: Any) -> list[Any]:
    return sorted(seen["services"], key=lambda s: (not s["failed"], s["settled"]))


def _services(seen: Any, changed: Collection[str] | None) -> str:
    rows: list[list[Cell]] = [[(h, "dim") for h in ("SERVICE", "REPLICAS", "RELEASE", "STATE")]]
    for service in _worst_first(seen):
        enough = service["ready_count"] >= service["desired_count"]
        number: Cell = count(service) if enough else (count(service), "red")
        rows.append([service["name"], number, (service["release"], "dim"), _state(service)])
    return table(marked(rows, changed), spare=SPARE_OF_SERVICES)


def _state(service: Any) -> Cell:
    if service["failed"]:
        return f"FAILED  {_cause(service)}", "red"
    phases = service["phases"]
    parts = [f"{phases[p]} {p}" for p in COLOUR_OF_PHASE if p != "ready" and phases.get(p)]
    text = ", ".join(parts)
    if service["settled"]:
        return text or "ready", "green"
    reason = service["reason"] or (service["waiting"][0] if service["waiting"] else "")
    return "  ".join(part for part in (text, reason) if part) or "working", "yellow"


def _replicas(seen: Any, changed: Collection[str] | None, room: int | None) -> str:
    places = {r["host"] for service in seen["services"] for r in service["replicas"]}
    where = ("HOST", "ZONE") if len(places) > 1 else ()
    heads = ("REPLICA", "PHASE", *where, "PID", "PORT", "RELEASE", "UP", "RESTARTS", "REASON")
    rows: list[list[Cell]] = [[(h, "dim") for h in heads]]
    number = sum(len(s["replicas"]) for s in seen["services"])
    folds = room is not None and number > room
    for service in _worst_first(seen):
        groups = _folded(service, changed or ()) if folds else [[r] for r in service["replicas"]]
        for group in groups:
            rows.append(_row(seen, service, group, where))
    return table(marked(rows, changed), spare=SPARE_OF_REPLICAS)


def _folded(service: Any, changed: Collection[str]) -> list[list[Any]]:
    """Replicas that have the same to tell, together; the worst first."""
    alike: dict[tuple[object, ...], list[Any]] = defaultdict(list)
    for replica in service["replicas"]:
        key = (replica["phase"], replica["release"], replica["reason"], replica["id"] in changed)
        alike[key].append(replica)
    groups = [
        part
        for group in alike.values()
        for part in ([group] if len(group) >= FOLDED_FROM else [[r] for r in group])
    ]
    return sorted(groups, key=lambda g: CONCERN.index(g[0]["phase"]))


def _row(seen: Any, service: Any, group: Sequence[Any], where: Sequence[str]) -> list[Cell]:
    replica, alone = group[0], len(group) == 1
    started = [moment(r["started_at"]) for r in group if r["started_at"]]
    age_s = (moment(seen["at"]) - max(started)).total_seconds() if started else None
    return [
        replica["id"] if alone else f"{service['name']} x {len(group):,}",
        (replica["phase"], COLOUR_OF_PHASE.get(replica["phase"], "white")),
        *(str(replica[key.lower()] or "-") if alone else "-" for key in where),
        str(replica["pid"] or "-") if alone else "-",
        str(replica["port"] or "-") if alone else "-",
        (replica["release"], "dim"),
        "-" if age_s is None else duration(max(0.0, age_s)),
        str(max(r["restarts"] for r in group)),
        replica["reason"],
    ]


def _override(override: Any) -> str:
    reason = f", {override['reason']}" if override["reason"] else ""
    until = clock(override["expires_at"])
    service, text, author = override["service"], override["text"], override["author"]
    return clean(f"{service}: {text} by {author}{reason}, until {until}")
