"""What several values mean together. One rule per function; all are asked, whatever they find."""

import re
from collections.abc import Callable, Iterator

from headway.model.ids import PRODUCTION
from headway.model.site import Expect, Kind
from headway.site import limits
from headway.site.build import SPEAKS_NO_HTTP, entry_port
from headway.site.check_balance import BALANCE_RULES
from headway.site.check_calls import CALL_RULES
from headway.site.check_names import NAME_RULES
from headway.site.described import Described
from headway.site.environments import USELESS_FOR_JOBS
from headway.site.finding import Finding
from headway.site.problem import quoted
from headway.site.secret import mentions_secret
from headway.site.tree import Path, Scalar, walk
from headway.site.values import one_of


def check(described: Described) -> Iterator[Finding]:
    """Everything that is wrong, or will be regretted."""
    for rule in RULES:
        yield from rule(described)


def check_limits(described: Described) -> Iterator[Finding]:
    service_count = len(described.site.services)
    if not service_count and described.is_sound("services"):
        message = "no service is described"
        help_ = "add one: `services: {frontend: {run: python -m search.frontend}}`"
        yield Finding("HW053", ("services",), message, help_)
    if service_count > limits.SERVICES_MAX:
        message = f"{service_count} services; at most {limits.SERVICES_MAX} fit into one site"
        yield Finding("HW052", ("services",), message, "describe them as several sites")
    environment_count = len(described.site.environments)
    if environment_count > limits.ENVIRONMENTS_MAX:
        message = f"{environment_count} environments; at most {limits.ENVIRONMENTS_MAX} are allowed"
        yield Finding("HW052", ("environments",), message, "remove those that nobody starts")
    host_count = len(described.site.hosts)
    if host_count > limits.HOSTS_MAX:
        message = f"{host_count} hosts; at most {limits.HOSTS_MAX} are allowed"
        yield Finding("HW052", ("hosts",), message, "all of them are places on this machine")


def check_entry(described: Described) -> Iterator[Finding]:
    """Users must come in somewhere, and at a service that answers."""
    site = described.site
    name = site.entry.service
    path = ("entry", "service")
    if described.is_sound(*path) and described.is_readable("services", name) and site.services:
        if name not in site.services:
            message = f"the entry leads to {quoted(name)}, and no service has that name"
            help_ = one_of(name, list(site.services), label="Services here:")
            yield Finding("HW040", path, message, help_)
        elif site.services[name].kind is Kind.JOB:
            message = f"the entry leads to `{name}`, which is a job and answers nobody"
            yield Finding("HW047", path, message, "name a service of `kind: service`")
    port = entry_port(site, described.environment, described.overridden)
    if described.environment == PRODUCTION and port is None and described.is_sound("entry", "port"):
        message = "the entry has no port"
        help_ = f"add it: `entry: {{service: {name}, port: 8080}}`"
        yield Finding("HW041", ("entry",), message, help_)


def check_sizes(described: Described) -> Iterator[Finding]:
    """There must always be a way to replace a replica."""
    for name, service in described.site.services.items():
        here = ("services", name)
        fields = ("replicas", "ready_min", "surge_max", "kind")
        if service.kind is Kind.JOB or not all(described.is_sound(*here, f) for f in fields):
            continue
        size = described.size_of(name)
        if size.ready_min > size.replicas:
            message = f"ready_min {size.ready_min} is more than the {size.replicas} replicas"
            help_ = f"lower ready_min to {max(0, size.replicas - 1)}, or raise replicas"
            yield Finding("HW043", (*here, "ready_min"), message, help_)
        elif size.surge_max == 0 and 0 < size.replicas == size.ready_min:
            message = (
                f"no replica of `{name}` could ever be replaced: none more, none fewer allowed"
            )
            help_ = f"write `surge_max: 1`, or `ready_min: {size.replicas - 1}`"
            yield Finding("HW044", (*here, "surge_max"), message, help_)


def check_jobs(described: Described) -> Iterator[Finding]:
    for name, service in described.site.services.items():
        if service.kind is not Kind.JOB:
            continue
        for key in USELESS_FOR_JOBS:
            if key in service.model_fields_set:
                message = f"`{key}` means nothing for a job"
                help_ = f"remove it; `{name}` runs once and its exit status says how it went"
                yield Finding("HW048", ("services", name, key), message, help_, on_key=True)


def check_health(described: Described) -> Iterator[Finding]:
    """A check must be one that the service's protocol can answer."""
    for name, service in described.site.services.items():
        here = ("services", name, "health")
        health = service.health
        if not described.is_sound(*here) or not described.is_sound("services", name, "protocol"):
            continue
        asks_http = health.expect in (Expect.OK, Expect.STATUS)
        if service.protocol in SPEAKS_NO_HTTP and asks_http:
            message = f"a service that speaks {service.protocol} cannot answer `{health.expect}`"
            yield Finding("HW048", (*here, "expect"), message, "write `expect: connect`")
        elif (
            health.path
            and not asks_http
            and (health.expect is Expect.CONNECT or service.protocol in SPEAKS_NO_HTTP)
        ):
            message = "`path` means nothing when only a connection is expected"
            help_ = "remove it, or write `expect: ok` or `expect: status` for a service of HTTP"
            yield Finding("HW048", (*here, "path"), message, help_, on_key=True)


def check_secret_sources(described: Described) -> Iterator[Finding]:
    for name, secret in described.site.secrets.items():
        path = ("secrets", name)
        if described.is_sound(*path) and (secret.file is None) == (secret.exec is None):
            message = f"the secret {quoted(name)} needs one source: `file` or `exec`"
            yield Finding("HW034", path, message, f"write `{name}: {{file: ./{name}}}`")


def check_secrets_stay_hidden(described: Described) -> Iterator[Finding]:
    """Only `env` keeps a secret; anything else is shown in plans, logs and process lists."""
    for path, node in walk(described.root):
        if isinstance(node, Scalar) and mentions_secret(node.text) and not _may_be_secret(path):
            where = re.sub(r"^services\.", "", ".".join(str(p) for p in path))
            message = f"a secret in {quoted(where)} would be seen by everyone"
            help_ = "put it into `env` and read the variable in the program"
            yield Finding("HW031", path, message, help_)


def _may_be_secret(path: Path) -> bool:
    is_variable = path[:1] == ("services",) and path[2:3] == ("env",)
    return is_variable or path[:1] == ("environments",)  # seen when they are applied


RULES: tuple[Callable[[Described], Iterator[Finding]], ...] = (
    check_limits,
    *NAME_RULES,
    check_entry,
    check_sizes,
    check_jobs,
    check_health,
    *BALANCE_RULES,
    *CALL_RULES,
    check_secret_sources,
    check_secrets_stay_hidden,
)
