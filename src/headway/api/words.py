"""Sentences about a replica, for people."""

from headway.model.ids import ReplicaId
from headway.model.observed import Phase


def condition(replica: ReplicaId, phase: Phase, reason: str) -> str:
    """`web-1 failed: exited 1`, `web-1 is starting: connection refused`."""
    verb = "failed" if phase is Phase.FAILED else f"is {phase}"
    return f"{replica} {verb}: {reason}" if reason else f"{replica} {verb}"
