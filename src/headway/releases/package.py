"""One digest over command, environment, files, arrows and secret names and versions.

A change of anything in the digest is a new release and replaces the replicas; a change of anything
else (count, deadlines, health check, balance) does not.
"""

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from headway.model.ids import ReleaseId
from headway.model.release import Launch, Release
from headway.model.site import Service

SECRET = re.compile(r"\$\{secret:([A-Za-z0-9][A-Za-z0-9_.-]*)\}")


def package(
    service: Service, *, directory: str, files: Mapping[str, str], secrets: Mapping[str, str]
) -> Release:
    """The release that this description makes, given its files' digests and secrets' versions."""
    content = {
        "run": list(service.run),
        "kind": service.kind,
        "env": dict(sorted((service.env or {}).items())),
        "directory": directory,
        "files": dict(sorted(files.items())),
        "secrets": dict(sorted(secrets.items())),
        "calls": sorted(call.callee for call in service.calls),  # each is a variable of the process
        "memory_bytes": service.resources.memory_bytes,
        "cpu": service.resources.cpu,
        "drain_s": service.drain_s,  # told to the process, which ends itself within it
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = sha256(text.encode()).hexdigest()
    return Release(ReleaseId(f"r{digest[:7]}"), service.name, digest, files, secrets)


def secret_names(service: Service) -> frozenset[str]:
    values = (service.env or {}).values()
    return frozenset(name for value in values for name in SECRET.findall(value))


def file_candidates(service: Service) -> tuple[str, ...]:
    """Paths, relative to the site's folder, whose content belongs to the release where they exist.

    Those listed under `files` (patterns allowed), values of `env` that begin with `./`, and words
    of the command that name a file.
    """
    from_env = (v for v in (service.env or {}).values() if v.startswith("./"))
    from_run = (word for word in service.run if not word.startswith("-") and "$" not in word)
    return tuple(dict.fromkeys((*service.files, *from_env, *from_run)))


def launch(service: Service, *, directory: str, callee_urls: Iterable[tuple[str, str]]) -> Launch:
    """How to start a replica: the described command and environment plus one URL per callee."""
    urls = ((variable(callee), url) for callee, url in callee_urls)
    # Envoy has let go of a replica before it is told to end, so its own wait may be short.
    manners = {"HW_DRAIN_S": f"{service.drain_s:g}", "HW_DRAIN_WAIT_S": "0.1"}
    env = {**manners, **dict(urls), **_with_paths(service.env or {}, directory)}
    return Launch(
        argv=service.run,
        env=tuple(sorted(env.items())),
        directory=directory,
        memory_bytes=service.resources.memory_bytes,
        cpu=service.resources.cpu,
    )


def variable(callee: str) -> str:
    return f"HW_{re.sub('[^A-Z0-9]', '_', callee.upper())}_URL"


def _with_paths(env: Mapping[str, str], directory: str) -> dict[str, str]:
    """`./words.txt` is meant from the site's folder, wherever a process changes its own to."""
    return {
        name: f"{directory}/{value[2:]}" if value.startswith("./") else value
        for name, value in env.items()
    }
