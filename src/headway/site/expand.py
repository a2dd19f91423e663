"""A `Site` -> YAML with every default written out: what `headway check --expand` shows.

Reading it again gives the same site. `environments` are not shown: one of them was applied.
"""

from typing import Any

import yaml

from headway.model.site import DescribedHost, Expect, HashKey, Health, Kind, Service, Site
from headway.site.hashing import BARE
from headway.site.shape import ServiceShape
from headway.site.values import spell_duration, spell_rate, spell_size


def expand(site: Site) -> str:
    """The whole description, in one order, with nothing left to defaults."""
    entry: dict[str, Any] = {"service": site.entry.service}
    if site.entry.port is not None:
        entry["port"] = site.entry.port
    entry["timeout"] = spell_duration(site.entry.timeout_s)
    told: dict[str, Any] = {"headway": 1, "site": site.name, "owner": site.owner, "entry": entry}
    if site.latency_budget_s is not None:
        told["latency_budget"] = spell_duration(site.latency_budget_s)
    if site.hosts:
        told["hosts"] = {str(host.name): _host(host) for host in site.hosts}
    told["services"] = {str(name): _service(s) for name, s in site.services.items()}
    secrets = {
        name: {"file": source.file} if source.file else {"exec": list(source.command)}
        for name, source in (site.secrets or {}).items()
    }
    if secrets:
        told["secrets"] = secrets
    return yaml.dump(told, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _service(service: Service) -> dict[str, Any]:
    told: dict[str, Any] = {
        "run": list(service.run),
        "kind": str(service.kind),
        "protocol": str(service.protocol),
        "owner": service.owner,
        "replicas": service.replicas,
        "surge_max": service.surge_max,
        "calls": {str(c.callee): _call(c.deadline_s, c.optional) for c in service.calls},
        "drain": spell_duration(service.drain_s),
        "resources": _resources(service),
        "env": dict(service.env or {}),
        "files": list(service.files),
    }
    if service.kind is not Kind.JOB:
        told |= {
            "ready_min": service.ready_min,
            "health": _health(service.health),
            **_sharing(service),
            "overload": _overload(service),
        }
    return {key: told[key] for key in ServiceShape.model_fields if key in told}


def _sharing(service: Service) -> dict[str, Any]:
    told: dict[str, Any] = {"balance": str(service.balance)}
    if service.hash_key is not None:
        told["hash"] = _hash(service.hash_key)
    if service.weights:
        told["weight"] = list(service.weights)
    return told | {
        "slow_start": spell_duration(service.slow_start_s),
        "spread": str(service.spread),
    }


def _hash(key: HashKey) -> str | dict[str, str]:
    return str(key.on) if key.on in BARE else {str(key.on): key.name}


def _overload(service: Service) -> dict[str, Any]:
    rate_per_s = service.overload.rate_per_s
    rate = {} if rate_per_s is None else {"rate": spell_rate(rate_per_s)}
    return {"in_flight": service.overload.in_flight, **rate}


def _host(host: DescribedHost) -> dict[str, Any]:
    weight = {} if host.weight is None else {"weight": host.weight}
    return {"zone": host.zone, **weight}


def _call(deadline_s: float | None, optional: bool) -> dict[str, Any]:
    deadline = {} if deadline_s is None else {"deadline": spell_duration(deadline_s)}
    return {**deadline, "optional": optional}


def _health(health: Health) -> dict[str, Any]:
    path = {} if health.expect is Expect.CONNECT else {"path": health.path}
    return {
        **path,
        "expect": str(health.expect),
        "every": spell_duration(health.every_s),
        "timeout": spell_duration(health.timeout_s),
        "start": spell_duration(health.start_s),
    }


def _resources(service: Service) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if service.resources.cpu is not None:
        told["cpu"] = service.resources.cpu
    if service.resources.memory_bytes is not None:
        told["memory"] = spell_size(service.resources.memory_bytes)
    return told


class _Dumper(yaml.SafeDumper):
    """Quotes every text, so that no tool can read one as anything else."""

    def ignore_aliases(self, data: Any) -> bool:
        return data is not None


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.replace("-", "").replace("_", "").isalpha() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted)
