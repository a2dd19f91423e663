"""Names: of the site, its services, environments, secrets and variables."""

import re
from collections.abc import Container, Iterator

from headway.site.described import Described
from headway.site.environments import RESERVED_NAMES
from headway.site.finding import Finding, from_refused
from headway.site.problem import quoted
from headway.site.refused import Refused
from headway.site.secret import SECRET_PATTERN
from headway.site.tree import Path
from headway.site.values import VARIABLE_PATTERN, check_name

_SLOT = re.compile(r"^(.+)-\d+$")


def check_site_name(described: Described) -> Iterator[Finding]:
    if described.is_sound("site"):
        yield from _named(described.site.site, "site", ("site",))


def check_service_names(described: Described) -> Iterator[Finding]:
    services = described.site.services
    for name in services:
        path = ("services", name)
        yield from _named(name, "service", path, on_key=True)
        if name in RESERVED_NAMES:
            message = f"`{name}` cannot be the name of a service"
            help_ = "it begins paths of `environments`; give the service another name"
            yield Finding("HW024", path, message, help_, on_key=True)
        if is_like_a_replica(name, services):
            message = f"`{name}` is what a replica of `{name.rpartition('-')[0]}` is called"
            help_ = "give the service a name that does not end in a number"
            yield Finding("HW049", path, message, help_, on_key=True)


def is_like_a_replica(name: str, services: Container[str]) -> bool:
    """`frontend-2` beside `frontend`."""
    slot = _SLOT.match(name)
    return slot is not None and slot.group(1) in services


def check_environment_names(described: Described) -> Iterator[Finding]:
    for name in described.site.environments:
        yield from _named(name, "environment", ("environments", name), on_key=True)


def check_host_names(described: Described) -> Iterator[Finding]:
    for name, host in described.site.hosts.items():
        yield from _named(name, "host", ("hosts", name), on_key=True)
        path = ("hosts", name, "zone")
        if host.zone is not None and described.is_sound(*path):
            yield from _named(host.zone, "zone", path)


def check_secret_names(described: Described) -> Iterator[Finding]:
    for name in described.site.secrets:
        if not re.fullmatch(SECRET_PATTERN, name):
            message = f"{quoted(name)} cannot be the name of a secret"
            help_ = "a name has 1 to 64 letters, digits, `.`, `_` and `-`"
            yield Finding("HW024", ("secrets", name), message, help_, on_key=True)


def check_variable_names(described: Described) -> Iterator[Finding]:
    for service_name, service in described.site.services.items():
        for name in service.env:
            path = ("services", service_name, "env", name)
            if not re.fullmatch(VARIABLE_PATTERN, name):
                message = f"{quoted(name)} cannot be the name of a variable"
                help_ = "letters, digits and `_`, and no digit first"
                yield Finding("HW029", path, message, help_, on_key=True)
            elif name == "PORT" or name.startswith("HW_"):
                message = f"{quoted(name)} is set by Headway"
                help_ = "read it in the program; give your variable another name"
                yield Finding("HW029", path, message, help_, on_key=True)


def _named(name: str, what: str, path: Path, *, on_key: bool = False) -> Iterator[Finding]:
    try:
        check_name(name, what)
    except Refused as refused:
        yield from_refused(refused, path, on_key=on_key)


NAME_RULES = (
    check_site_name,
    check_service_names,
    check_environment_names,
    check_host_names,
    check_secret_names,
    check_variable_names,
)
