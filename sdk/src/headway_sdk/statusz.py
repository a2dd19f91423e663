"""The page a person opens to see what one replica thinks of itself, as HTML or JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from headway_sdk.checks import ReadyCheck
from headway_sdk.identity import Identity
from headway_sdk.request import Request


@dataclass(frozen=True, slots=True)
class SeenCheck:
    name: str
    reason: str  # empty: ready
    took_ms: float
    age_s: float | None  # None: not asked yet


@dataclass(frozen=True, slots=True)
class Status:
    identity: Identity
    phase: str
    why_not_healthy: str
    now_s: float
    started_at_s: float
    in_flight: int
    open_websockets: int
    answered: Mapping[str, int]
    checks: Sequence[SeenCheck]
    recent: Sequence[Request]  # newest first
    errors: Sequence[Request]


def seen_checks(checks: Iterable[ReadyCheck], *, now_s: float) -> tuple[SeenCheck, ...]:
    return tuple(
        SeenCheck(
            name=check.name,
            reason=check.reason,
            took_ms=round(check.took_s * 1000, 1),
            age_s=None if check.asked_at_s is None else round(now_s - check.asked_at_s, 1),
        )
        for check in checks
    )


def as_json(status: Status) -> bytes:
    seen = {
        **status.identity.as_json(),
        "phase": str(status.phase),
        "healthy": not status.why_not_healthy,
        "why_not_healthy": status.why_not_healthy,
        "uptime_s": round(status.now_s - status.started_at_s, 1),
        "in_flight": status.in_flight,
        "open_websockets": status.open_websockets,
        "answered": dict(status.answered),
        "checks": [
            {
                "name": c.name,
                "ok": not c.reason,
                "reason": c.reason,
                "ms": c.took_ms,
                "age_s": c.age_s,
            }
            for c in status.checks
        ],
        "recent": [request.as_json() for request in status.recent],
        "errors": [request.as_json() for request in status.errors],
    }
    return json.dumps(seen, indent=2).encode() + b"\n"


_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#667080;--line:#d9dee5;--paper:#fff;
--good:#0a7d43;--bad:#c0322b}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#98a2b1;--line:#333b47;
--paper:#14181e;--good:#4cc38a;--bad:#ff7b72}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1rem;margin:2rem 0 .4rem}
p{margin:.2rem 0;color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500}td.path{overflow-wrap:anywhere}
"""


def as_html(status: Status) -> bytes:
    who = status.identity
    verdict = (
        f'<p class="bad">Not healthy: {escape(status.why_not_healthy)}</p>'
        if status.why_not_healthy
        else '<p class="good">Healthy: wants traffic</p>'
    )
    origin = " · ".join(
        f"{key} {value}" for key, value in who.as_json().items() if key != "replica"
    )
    answered = ", ".join(f"{count} {kind}" for kind, count in sorted(status.answered.items()))
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(who.replica)}</title><style>{_STYLE}</style>
<h1>{escape(who.replica)}</h1>
<p>{escape(origin)}</p>
{verdict}
<p>Up {_duration(status.now_s - status.started_at_s)} · {status.in_flight} in flight
· {status.open_websockets} web sockets · answered: {escape(answered) or "nothing yet"}</p>
{_check_table(status.checks)}
{_request_table("Recent errors", status.errors)}
{_request_table("Recent requests", status.recent)}
</html>
"""
    return page.encode()


def _check_table(checks: Sequence[SeenCheck]) -> str:
    rows = [
        f"<tr><td>{escape(c.name)}<td class={'bad' if c.reason else 'good'}>"
        f"{escape(c.reason) or 'ready'}<td>{c.took_ms} ms"
        f"<td>{'' if c.age_s is None else f'{c.age_s} s ago'}"
        for c in checks
    ]
    return _table("Ready checks", ("Check", "Says", "Took", "Asked"), rows)


def _request_table(title: str, requests: Sequence[Request]) -> str:
    rows = [
        f"<tr><td>{datetime.fromtimestamp(r.at_s, UTC):%H:%M:%S}<td>{escape(r.method)}"
        f'<td class="path">{escape(r.path)}<td class={"bad" if r.failed else "good"}>{r.status}'
        f" {escape(r.error)}<td>{r.took_s * 1000:.1f} ms<td>{escape(r.id)}"
        for r in requests
    ]
    return _table(title, ("At (UTC)", "Method", "Path", "Status", "Took", "Request id"), rows)


def _table(title: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{name}" for name in heads)
    body = "\n".join(rows)
    return f'<h2>{title}</h2><div class="wide"><table><tr>{head}\n{body}</table></div>'


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
