"""What a service needs to be a good citizen of a Headway site. `CONTRACT.md` is the whole coupling.

    from headway_sdk import Service

    svc = Service("frontend")
    app = svc.asgi(app)          # around any ASGI application

Start reading in `service.py`; `run.py` is the small parent process behind `headway-run`.
"""

TYPE_CHECKING = False  # not from `typing`: `headway-run` is one more process per replica
if TYPE_CHECKING:
    from typing import Any

    from headway_sdk.budget import Budget
    from headway_sdk.log_level import watch_log_level
    from headway_sdk.request import request_id
    from headway_sdk.service import Service
    from headway_sdk.tracing import traced

__all__ = ["Budget", "Service", "request_id", "traced", "watch_log_level"]

_HOMES = {
    "Budget": "headway_sdk.budget",
    "Service": "headway_sdk.service",
    "request_id": "headway_sdk.request",
    "traced": "headway_sdk.tracing",
    "watch_log_level": "headway_sdk.log_level",
}


def __getattr__(name: str) -> "Any":
    """Import on first use, likewise."""
    if name not in _HOMES:
        raise AttributeError(f"module 'headway_sdk' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - likewise

    return getattr(import_module(_HOMES[name]), name)
