"""The status page that a person opens, also on a phone. One document: no script, nothing loaded."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from headway_sdk.request import Request
from headway_sdk.statusz import OpenRequest, SeenCheck, Status

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#596373;--line:#d9dee5;--paper:#fff;
--good:#0a7d43;--bad:#c0322b}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#98a2b1;--line:#333b47;
--paper:#14181e;--good:#4cc38a;--bad:#ff7b72}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:60rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0}h2{font-size:1rem;margin:2rem 0 .4rem}
p{margin:.2rem 0;color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;
overflow-wrap:normal}
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;
border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:500}td.long{white-space:normal;overflow-wrap:anywhere;
min-width:12rem}
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
    until = f" until {status.log_level_until}" if status.log_level_until else ""
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(who.replica)}</title><style>{_STYLE}</style>
<h1>{escape(who.replica)}</h1>
<p>{escape(origin)}</p>
{verdict}
<p>Up {_duration(status.now_s - status.started_at_s)} · {status.in_flight} in flight
· {status.open_websockets} web sockets · answered: {escape(answered) or "nothing yet"}
· {status.budget_misses} later than their budget</p>
<p>Log level {escape(status.log_level)}{escape(until)}</p>
{_check_table(status.checks)}
{_open_table(status.oldest)}
{_request_table("Recent errors", status.errors)}
{_request_table("Recent requests", status.recent)}
{_configuration_table(status.configuration)}
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


def _open_table(oldest: Sequence[OpenRequest]) -> str:
    rows = [
        f'<tr><td>{o.age_s:.2f} s<td>{escape(o.request.method)}<td class="long">'
        f"{escape(o.request.path)}<td>{escape(o.request.id)}"
        for o in oldest
    ]
    return _table("In flight, the oldest first", ("Since", "Method", "Path", "Request id"), rows)


def _request_table(title: str, requests: Sequence[Request]) -> str:
    rows = [
        f"<tr><td>{datetime.fromtimestamp(r.at_s, UTC):%H:%M:%S}<td>{escape(r.method)}"
        f'<td class="long">{escape(r.path)}<td class={"bad" if r.failed else "good"}>{r.status}'
        f" {escape(r.error)}{f'<br>{escape(r.error_at)}' if r.error_at else ''}"
        f"<td>{r.took_s * 1000:.1f} ms<td>{escape(r.id)}"
        for r in requests
    ]
    return _table(title, ("At (UTC)", "Method", "Path", "Status", "Took", "Request id"), rows)


def _configuration_table(configuration: Mapping[str, str]) -> str:
    rows = [
        f'<tr><td>{escape(name)}<td class="long">{escape(value)}'
        for name, value in configuration.items()
    ]
    return _table("Configuration, without secrets", ("Variable", "Value"), rows)


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
