"""What a changed description would do: each difference with its effect on what runs.

Pure comparison of two descriptions and their releases. A change that is part of the release
replaces replicas one safe step at a time; any other is a matter of Envoy or of counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from headway.model.desired import Desired, DesiredService
from headway.model.ids import ServiceName
from headway.model.observed import Process
from headway.model.site import Call, Service


class Kind(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Kind
    subject: str  # a service, or "site"
    what: str  # "replicas", "calls.ads.deadline"; for a whole service "service"
    before: str
    after: str
    effect: str
    starts: int = 0
    stops: int = 0
    restarts: int = 0


NO_RESTART = "no restart"
ENVOY = "Envoy only, no restart"
MOVES = "replicas on hosts that leave are replaced elsewhere, one safe step at a time"
STAYS = "no restart; what starts from now on is placed accordingly"


def diff(
    before: Desired | None, after: Desired, running: Iterable[Process] = ()
) -> tuple[Difference, ...]:
    """Everything in which `after` differs from what is wanted now; empty when nothing does."""
    old: Mapping[ServiceName, DesiredService] = before.services if before else {}
    found = [*_site(before, after, running)]
    for name in sorted({*old, *after.services}):
        if name not in old:
            found.append(_added(after.services[name]))
        elif name not in after.services:
            found.append(_removed(old[name]))
        else:
            found.extend(_changed(old[name], after.services[name]))
    return tuple(found)


def _site(
    before: Desired | None, after: Desired, running: Iterable[Process]
) -> Iterator[Difference]:
    if before is None:
        return
    facts = {
        "entry": (_entry(before), _entry(after)),
        "latency_budget": (_seconds(before.latency_budget_s), _seconds(after.latency_budget_s)),
    }
    for what, (was, becomes) in facts.items():
        if was != becomes:
            yield Difference(Kind.CHANGED, "site", what, was, becomes, ENVOY)
    if before.hosts != after.hosts:
        was, becomes = _hosts(before), _hosts(after)
        left = {h.name for h in before.hosts} - {h.name for h in after.hosts}
        # Without described hosts all is on this machine, wherever it was put; so nothing leaves.
        is_cut = bool(after.hosts) and (bool(left) or not before.hosts)
        moved = _moved(before, after, running) if is_cut else 0
        effect = MOVES if is_cut else STAYS
        yield Difference(Kind.CHANGED, "site", "hosts", was, becomes, effect, restarts=moved)


def _moved(before: Desired, after: Desired, running: Iterable[Process]) -> int:
    """How many replicas are replaced for their host alone."""
    kept = {h.name for h in after.hosts}
    old, new = before.services, after.services
    same = {n for n in {*old} & {*new} if old[n].release.digest == new[n].release.digest}
    return sum(p.service in same and p.host not in kept for p in running)


def _entry(desired: Desired) -> str:
    return f"{desired.entry.service} on port {desired.entry.port}" if desired.entry else ""


def _added(service: DesiredService) -> Difference:
    count = service.count
    effect = f"{_replicas(count)} {'starts' if count == 1 else 'start'}"
    return Difference(
        Kind.ADDED, service.service.name, "service", "", _replicas(count), effect, starts=count
    )


def _removed(service: DesiredService) -> Difference:
    count = service.count
    effect = f"{_replicas(count)} {'drains and ends' if count == 1 else 'drain and end'}"
    return Difference(
        Kind.REMOVED, service.service.name, "service", _replicas(count), "", effect, stops=count
    )


def _changed(old: DesiredService, new: DesiredService) -> Iterator[Difference]:
    was, becomes = _described(old), _described(new)
    replaced = min(old.count, new.count) if old.release.digest != new.release.digest else 0
    told = False
    for what in sorted({*was, *becomes}):
        if was.get(what, "") == becomes.get(what, ""):
            continue
        kind = _kind(what, was, becomes)
        before, after = was.get(what, ""), becomes.get(what, "")
        if what == "replicas":
            yield _resized(old, new, before, after)
        elif _in_release(what):
            restarts = 0 if told else replaced
            told = True
            effect = f"rolling replacement of {_replicas(replaced)}"
            yield Difference(kind, new.service.name, what, before, after, effect, restarts=restarts)
        else:
            effect = ENVOY if what.split(".")[0] in ENVOY_KEYS else NO_RESTART
            yield Difference(kind, new.service.name, what, before, after, effect)


RELEASE_KEYS = {
    "directory",
    "drain",
    "env",
    "files",
    "kind",
    "resources",
    "run",
    "secrets",
}
ENVOY_KEYS = {"balance", "calls", "hash", "health", "overload", "protocol", "slow_start", "weight"}


def _kind(what: str, was: Mapping[str, str], becomes: Mapping[str, str]) -> Kind:
    if what not in was:
        return Kind.ADDED
    return Kind.CHANGED if what in becomes else Kind.REMOVED


def _resized(old: DesiredService, new: DesiredService, before: str, after: str) -> Difference:
    more = new.count - old.count
    effect = f"{_replicas(more)} more" if more > 0 else f"{_replicas(-more)} drained and ended"
    return Difference(
        Kind.CHANGED,
        new.service.name,
        "replicas",
        before,
        after,
        effect,
        starts=max(0, more),
        stops=max(0, -more),
    )


def _in_release(what: str) -> bool:
    first, _, rest = what.partition(".")
    is_arrow = first == "calls" and "." not in rest  # a new arrow is a new variable
    return first in RELEASE_KEYS or is_arrow


def _described(wish: DesiredService) -> dict[str, str]:
    """One line per fact, under the name it has in site.yaml."""
    service: Service = wish.service
    facts = {
        "owner": service.owner,
        "run": " ".join(service.run),
        "kind": str(service.kind),
        "protocol": str(service.protocol),
        "replicas": str(wish.count),
        "ready_min": str(wish.ready_min),
        "surge_max": str(wish.surge_max),
        "health.path": service.health.path,
        "health.expect": str(service.health.expect),
        "health.every": _seconds(service.health.every_s),
        "health.timeout": _seconds(service.health.timeout_s),
        "health.start": _seconds(service.health.start_s),
        "balance": str(service.balance),
        "weight": " ".join(f"{weight:g}" for weight in service.weights),
        "hash": f"{service.hash_key.on} {service.hash_key.name}".strip()
        if service.hash_key
        else "",
        "slow_start": _seconds(service.slow_start_s),
        "spread": str(service.spread),
        "drain": _seconds(service.drain_s),
        "overload.in_flight": str(service.overload.in_flight),
        "overload.rate": _rate(service.overload.rate_per_s),
        "resources.cpu": f"{service.resources.cpu:g}" if service.resources.cpu else "",
        "resources.memory": _bytes(service.resources.memory_bytes),
        "directory": wish.launch.directory,
    }
    facts |= {f"env.{name}": value for name, value in (service.env or {}).items()}
    facts |= {f"files.{path}": digest[:7] for path, digest in wish.release.files.items()}
    facts |= {f"secrets.{name}": _version(v) for name, v in wish.release.secrets.items()}
    for call in service.calls:
        facts |= _call(call)
    return {what: value for what, value in facts.items() if value}


def _call(call: Call) -> dict[str, str]:
    facts = {f"calls.{call.callee}": "optional" if call.optional else "required"}
    if call.deadline_s is not None:
        facts[f"calls.{call.callee}.deadline"] = _seconds(call.deadline_s)
    return facts


def _version(version: str) -> str:
    return f"version {version[-12:]}"


def _replicas(count: int) -> str:
    return "1 replica" if count == 1 else f"{count} replicas"


def _hosts(desired: Desired) -> str:
    """`a (east), b (west, weight 2)`."""
    if not desired.hosts:
        return "this machine"
    weights = [f", weight {h.weight:g}" if h.weight is not None else "" for h in desired.hosts]
    named = zip(desired.hosts, weights, strict=True)
    return ", ".join(f"{host.name} ({host.zone}{weight})" for host, weight in named)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"


def _rate(per_s: float | None) -> str:
    return "" if per_s is None else f"{per_s:g}/s"


def _bytes(count: int | None) -> str:
    if count is None:
        return ""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}B"
