"""Wait until headwayd has gone on as another program: same pid, another start."""

import time
from typing import Any

from headway.cli.session import Session
from headway.cli.trouble import Trouble

WITHIN_S = 30.0
LOOK_EVERY_S = 0.05


def until_succeeded(session: Session, before: Any) -> Any:
    """`before` and the answer: what `/daemon` says."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            now = session.client.get("/daemon")
        except Trouble as trouble:
            if trouble.code != "unreachable":
                raise
        else:
            if now["started_at"] != before["started_at"]:
                return now
        time.sleep(LOOK_EVERY_S)
    raise Trouble(
        "unreachable",
        f"headwayd has not come back within {WITHIN_S:g} s; what runs goes on without it",
        remedy=f"look at the end of {session.home}/headwayd.log, then: headway up",
    )
