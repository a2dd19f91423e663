"""From a description's text to everything that applying it would make true. Changes nothing."""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from headway.api.address import PATH_BYTES_MAX
from headway.api.control import BadRequestError, ConflictError, SiteSource
from headway.engine.io.blocks import ENVOY_PORTS, REPLICAS_MAX, choose_block, is_free
from headway.journal.rows import StoredEnvironment
from headway.loop.describe import describe, port_keys
from headway.model.desired import Desired
from headway.model.errors import SiteError
from headway.model.ids import EnvironmentId, ServiceName
from headway.model.release import Release
from headway.model.site import Service, Site
from headway.releases.io.files import digests
from headway.releases.io.secrets import Secrets
from headway.releases.package import file_candidates, package, secret_names
from headway.site.parse import parse

BLOCK = "block"
LONGEST_SOCKET = "envoy/admin-9999999.sock"


@dataclass(frozen=True, slots=True)
class Draft:
    site: Site
    described: Desired
    releases: Mapping[ServiceName, Release]
    ports: Mapping[str, int]  # "block", "entry", "frontend>index"
    digest: str
    warnings: tuple[str, ...]


async def draft(
    source: SiteSource,
    environment: EnvironmentId,
    *,
    known_ports: Mapping[str, int],
    taken_blocks: AbstractSet[int],
    secrets_folder: Path,
) -> Draft:
    """Read, check, digest and wire; `SiteError` with the whole report when the text is unusable."""
    parsed = parse(source.text, file=source.file, environment=environment.name)
    if parsed.site is None:
        raise SiteError(parsed.report(), remedy="headway check shows the same")
    site = parsed.site
    if site.name != environment.site:
        raise BadRequestError(
            f"{source.file} describes the site `{site.name}`, not `{environment.site}`",
            remedy=f"--site {site.name}",
        )
    _check_home(secrets_folder.parent, environment)
    secrets = Secrets(
        site.secrets or {}, folder=secrets_folder / site.name, base=Path(source.directory)
    )
    releases = await asyncio.to_thread(_releases, site, source.directory, secrets)
    ports = _ports(site, environment, known_ports, taken_blocks)
    described = describe(
        site, environment, releases=releases, ports=ports, directory=source.directory
    )
    return Draft(
        site=site,
        described=described,
        releases=releases,
        ports=ports,
        digest=_digest(described),
        warnings=tuple(w.message for w in parsed.warnings),
    )


def to_store(
    source: SiteSource, environment: EnvironmentId, made: Draft, now: datetime
) -> StoredEnvironment:
    """What the journal keeps of it: enough to go on after every process is gone."""
    return StoredEnvironment(
        id=environment,
        text=source.text,
        directory=source.directory,
        file=source.file,
        digest=made.digest,
        applied_at=now,
        going_down=False,
        purge=False,
        ports=made.ports,
        releases=made.releases,
    )


def check_directory(source: SiteSource, stored: StoredEnvironment) -> None:
    """Two checkouts of one site: the second does not take over the first's environment unasked."""
    if os.path.realpath(source.directory) == os.path.realpath(stored.directory):
        return
    raise ConflictError(
        f"{stored.id} runs from {stored.directory}, and this description is in {source.directory}",
        remedy="an environment of one's own beside it: `--env NAME`, with NAME under "
        "`environments:`; if this folder shall have it from now on: `--take-over`",
    )


def check_entry_port(described: Desired, before: Desired | None) -> None:
    """A port that somebody else listens on is said now, not by a listener that never works."""
    entry = described.entry
    if entry is None or entry.port is None:
        return
    if before is not None and (before.entry is None or before.entry.port == entry.port):
        return  # it is ours; or may be, when what was described can no longer be read
    if not is_free(entry.port):
        raise ConflictError(
            f"port {entry.port} of the entry is in use by another program",
            remedy=f"see who: ss -ltnp 'sport = :{entry.port}'; or choose another `entry.port`",
        )


def _check_home(home: Path, environment: EnvironmentId) -> None:
    """Said before anything is recorded: what cannot run must not be taken up at every start."""
    folder = home / environment.site / environment.name
    spare = PATH_BYTES_MAX - len(os.fsencode(folder / LONGEST_SOCKET))
    if spare < 0:
        raise ConflictError(
            f"the state folder {home} has a path that is {-spare} bytes too long for sockets",
            remedy="choose a shorter --home or HEADWAY_HOME",
        )


def _releases(site: Site, directory: str, secrets: Secrets) -> dict[ServiceName, Release]:
    return {
        name: package(
            service,
            directory=directory,
            files=digests(directory, file_candidates(service)),
            secrets={secret: secrets.version(secret) for secret in sorted(secret_names(service))},
        )
        for name, service in site.services.items()
    }


def _ports(
    site: Site,
    environment: EnvironmentId,
    known: Mapping[str, int],
    taken_blocks: AbstractSet[int],
) -> dict[str, int]:
    """Ports once given stay: a process knows its callees' by its environment."""
    keys = port_keys(site)
    _check_size(keys, site.services.values())
    block = known.get(BLOCK) or choose_block(str(environment), taken_blocks)
    ports = {BLOCK: block, **{key: port for key, port in known.items() if key in keys}}
    used = set(ports.values())
    free = (p for p in range(block + 1, block + 1 + ENVOY_PORTS) if p not in used)
    for key in keys:
        if key not in ports:
            ports[key] = next(free)
    return ports


def _check_size(keys: Sequence[str], services: Iterable[Service]) -> None:
    if len(keys) > ENVOY_PORTS:
        raise ConflictError(
            f"{len(keys)} arrows between services, and one environment has room for {ENVOY_PORTS}",
            remedy="split the site, or reach a common callee through fewer callers",
        )
    most = sum(service.replicas + service.surge_max for service in services)
    if most > REPLICAS_MAX:
        raise ConflictError(
            f"{most} replicas (with surge), and one environment has room for {REPLICAS_MAX}",
            remedy="fewer `replicas`, or several sites",
        )


def _digest(described: Desired) -> str:
    return sha256(repr(described).encode()).hexdigest()[:12]
