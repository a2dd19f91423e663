"""What happened, in the order it happened. The journal keeps it; nothing is changed afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headway.model.ids import EnvironmentId


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    environment: EnvironmentId | None
    kind: str  # "start", "exit", "drain", "apply", "scale", "denied", …
    subject: str  # "frontend-2", "frontend", "site"
    text: str  # one sentence for people
    actor: str
    data: Mapping[str, Any]  # plain JSON; what a decision was made from
