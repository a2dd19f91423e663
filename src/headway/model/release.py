"""A release: everything that decides how a service's process behaves, under one digest."""

from collections.abc import Mapping
from dataclasses import dataclass

from headway.model.ids import ReleaseId, ServiceName


@dataclass(frozen=True, slots=True)
class Release:
    """One digest over command, environment, files, arrows and secret *names and versions*."""

    id: ReleaseId
    service: ServiceName
    digest: str  # sha256, hexadecimal
    files: Mapping[str, str]  # path relative to the site's folder -> sha256
    secrets: Mapping[str, str]  # name -> version (never anything derived from the value)


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start one replica of a release; the engine adds $PORT, $HW_REPLICA and secrets."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]  # values may hold `${secret:NAME}`
    directory: str
    memory_bytes: int | None = None
    cpu: float | None = None
