"""What one replica thinks of itself, for programs. `statusz_page` shows the same to people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
class OpenRequest:
    """Being answered now."""

    request: Request
    age_s: float


@dataclass(frozen=True, slots=True)
class Status:
    identity: Identity
    phase: str
    why_not_healthy: str
    now_s: float
    started_at_s: float
    in_flight: int
    oldest: Sequence[OpenRequest]  # the oldest first; not all when there are many
    open_websockets: int
    answered: Mapping[str, int]
    budget_misses: int
    log_level: str
    log_level_until: str  # empty: its own level
    checks: Sequence[SeenCheck]
    recent: Sequence[Request]  # newest first
    errors: Sequence[Request]
    configuration: Mapping[str, str]  # without secrets


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
        "log_level": status.log_level,
        "log_level_until": status.log_level_until or None,
        "in_flight": status.in_flight,
        "in_flight_oldest": [_open_as_json(found) for found in status.oldest],
        "open_websockets": status.open_websockets,
        "answered": dict(status.answered),
        "budget_misses": status.budget_misses,
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
        "errors": [request.as_json() for request in status.errors],
        "recent": [request.as_json() for request in status.recent],
        "configuration": dict(status.configuration),
    }
    return json.dumps(seen, indent=2).encode() + b"\n"


def _open_as_json(found: OpenRequest) -> dict[str, object]:
    request = found.request
    return {
        "age_s": round(found.age_s, 3),
        "method": request.method,
        "path": request.path,
        "request_id": request.id,
    }
