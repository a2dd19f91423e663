"""Who this replica is, as its environment says. Nothing else of the environment is ever shown."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Identity:
    service: str
    replica: str
    release: str
    environment: str
    shard: str = ""  # only in a search tree
    shards: str = ""
    role: str = ""

    @classmethod
    def read(cls, environ: Mapping[str, str], *, name: str | None = None) -> Self:
        """A service started by hand, without Headway, still has a name and a replica."""
        service = environ.get("HW_SERVICE") or name or "service"
        return cls(
            service=service,
            replica=environ.get("HW_REPLICA") or f"{service}-{os.getpid()}",
            release=environ.get("HW_RELEASE", ""),
            environment=environ.get("HW_ENV", ""),
            shard=environ.get("HW_SHARD", ""),
            shards=environ.get("HW_SHARDS", ""),
            role=environ.get("HW_ROLE", ""),
        )

    def as_json(self) -> dict[str, str]:
        """What is known; empty answers are left out."""
        known = {
            "service": self.service,
            "replica": self.replica,
            "release": self.release,
            "environment": self.environment,
            "shard": self.shard,
            "shards": self.shards,
            "role": self.role,
        }
        return {key: value for key, value in known.items() if value}
