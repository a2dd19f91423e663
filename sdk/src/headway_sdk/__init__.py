"""What a service needs to be a good citizen of a Headway site. `CONTRACT.md` is the whole coupling.

    from headway_sdk import Service

    svc = Service("frontend")
    app = svc.asgi(app)          # around any ASGI application

Start reading in `service.py`; `run.py` is the small parent process behind `headway-run`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headway_sdk.budget import Budget
    from headway_sdk.request import request_id
    from headway_sdk.service import Service

__all__ = ["Budget", "Service", "request_id"]

_HOMES = {
    "Budget": "headway_sdk.budget",
    "Service": "headway_sdk.service",
    "request_id": "headway_sdk.request",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `headway-run` is one more process per replica and must stay small."""
    if name not in _HOMES:
        raise AttributeError(f"module 'headway_sdk' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - likewise

    return getattr(import_module(_HOMES[name]), name)
