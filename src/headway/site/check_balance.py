"""How requests are shared, and what a newcomer or a user would notice of it."""

from collections.abc import Iterator

from headway.model.ids import PRODUCTION
from headway.model.site import Balance, HashKey, HashOn, Kind, Protocol, Spread
from headway.site.described import Described
from headway.site.finding import Finding
from headway.site.problem import Severity, quoted
from headway.site.shape import ServiceShape
from headway.site.values import spell_duration

SLOW_START_S_SENSIBLE = 120.0
ZONES_MIN = 2  # fewer cannot be spread over
NOT_BY_HASH = "write `balance: least-loaded`"


def check_sharing(described: Described) -> Iterator[Finding]:
    """`hash` and `weight` go with one way of balancing each; alone they would be ignored."""
    for name, service in _serving(described):
        here = ("services", name)
        if not described.is_sound(*here, "balance"):
            continue
        lacks_hash = service.hash is None and described.is_sound(*here, "hash")
        if service.balance is Balance.HASH and lacks_hash:
            message = f"`balance: hash` of {quoted(name)} needs `hash`"
            help_ = "say what of a request decides: `hash: {header: x-user}`, or `hash: source`"
            yield Finding("HW014", (*here, "balance"), message, help_)
        for key, wanted in (("hash", Balance.HASH), ("weight", Balance.WEIGHTED)):
            if key not in service.model_fields_set or service.balance is wanted:
                continue
            # An environment that balances otherwise cannot take the key away.
            if _is_left_over(described, name, key):
                continue
            message = f"`{key}` means nothing with `balance: {service.balance}`"
            help_ = f"write `balance: {wanted}`, or remove it"
            yield Finding("HW048", (*here, key), message, help_, on_key=True)


def check_what_tcp_cannot(described: Described) -> Iterator[Finding]:
    """Of a plain connection nothing is known but where it comes from."""
    for name, service in _serving(described):
        here = ("services", name)
        if service.protocol is not Protocol.TCP or not described.is_sound(*here, "protocol"):
            continue
        if service.hash is not None and service.hash.on is not HashOn.SOURCE:
            message = f"a connection of tcp has no {service.hash.on} that could be hashed"
            by_source = "write `hash: source`: the same client, the same replica"
            # Of callers on this machine the source tells nothing either.
            help_ = by_source if name == described.site.entry.service else NOT_BY_HASH
            yield Finding("HW048", (*here, "hash"), message, help_, on_key=True)
        if service.overload.rate is not None:
            message = "`rate` counts requests, and of tcp only connections are seen"
            help_ = "remove it; `in_flight` limits connections"
            yield Finding("HW048", (*here, "overload", "rate"), message, help_, on_key=True)


def check_one_source(described: Described) -> Iterator[Finding]:
    """Services call from this machine: `source` tells none of them apart, and is not looked at."""
    site = described.site
    called = {
        callee: name
        for name, service in reversed(site.services.items())
        for callee in reversed(service.calls)
    }
    for name, service in _serving(described):
        is_by_source = service.hash == HashKey(HashOn.SOURCE) and service.balance is Balance.HASH
        if is_by_source and name in called and name != site.entry.service:
            message = f"calls to {quoted(name)} all come from this machine, so chance decides"
            by_content = f"hash what {quoted(called[name])} sends, or {NOT_BY_HASH}"
            help_ = NOT_BY_HASH if service.protocol is Protocol.TCP else by_content
            yield _warning("HW059", ("services", name, "hash"), message, help_, on_key=True)


def check_weights(described: Described) -> Iterator[Finding]:
    for name, service in _serving(described):
        here = ("services", name)
        weights = service.weight or () if service.balance is Balance.WEIGHTED else ()
        resized = _is_left_over(described, name, "weight", by="replicas")
        if len(weights) > service.replicas and not resized and described.is_sound(*here):
            message = f"{len(weights)} weights for {_replicas(service.replicas)}"
            help_ = "the rest is never used; the last weight is that of all later replicas"
            yield _warning("HW054", (*here, "weight"), message, help_)


def check_slow_start(described: Described) -> Iterator[Finding]:
    for name, service in _serving(described):
        path = ("services", name, "slow_start")
        if service.slow_start > SLOW_START_S_SENSIBLE and described.is_sound(*path):
            told = spell_duration(service.slow_start)
            message = f"a newcomer of {quoted(name)} has its full share only after {told}"
            help_ = "10s is usual; until then the others carry what it does not"
            yield _warning("HW056", path, message, help_)


def check_zones(described: Described) -> Iterator[Finding]:
    """Only in production: a smaller size need not survive the loss of a zone."""
    zones = {host.zone or name for name, host in described.site.hosts.items()}
    if described.environment != PRODUCTION or len(zones) >= ZONES_MIN:
        return
    for name, service in _serving(described):
        path = ("services", name, "spread")
        if service.spread is Spread.ZONE and described.is_sound("hosts"):
            message = f"{quoted(name)} is to be spread over zones, and there is one"
            help_ = "describe two: `hosts: {a: {zone: east}, b: {zone: west}}`, or leave it out"
            yield _warning("HW057", path, message, help_)


def _serving(described: Described) -> Iterator[tuple[str, ServiceShape]]:
    """Services that get traffic; of jobs all of this is refused elsewhere."""
    for name, service in described.site.services.items():
        if service.kind is not Kind.JOB and described.is_readable("services", name):
            yield name, service


def _is_left_over(described: Described, name: str, key: str, by: str = "balance") -> bool:
    """True when an environment changed what `key` rests on, and could not take it along."""
    here = ("services", name)
    changed, kept = (*here, by) in described.overridden, (*here, key) not in described.overridden
    return changed and kept


def _warning(
    code: str, path: tuple[str, ...], message: str, help_: str, *, on_key: bool = False
) -> Finding:
    return Finding(code, path, message, help_, on_key=on_key, severity=Severity.WARNING)


def _replicas(count: int) -> str:
    return "1 replica" if count == 1 else f"{count} replicas"


BALANCE_RULES = (
    check_sharing,
    check_what_tcp_cannot,
    check_one_source,
    check_weights,
    check_slow_start,
    check_zones,
)
