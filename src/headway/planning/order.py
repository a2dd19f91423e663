"""The order in which services are touched: callees before their callers."""

from collections.abc import Mapping

from headway.model.ids import ServiceName
from headway.model.site import Service


def callees_first(services: Mapping[ServiceName, Service]) -> tuple[ServiceName, ...]:
    """Every service once, after everything it calls; a cycle of optional calls is cut by name."""
    done: dict[ServiceName, None] = {}
    for name in sorted(services):
        _visit(services, name, done)
    return tuple(done)


def callers_first(services: Mapping[ServiceName, Service]) -> tuple[ServiceName, ...]:
    return tuple(reversed(callees_first(services)))


def _visit(
    services: Mapping[ServiceName, Service], start: ServiceName, done: dict[ServiceName, None]
) -> None:
    # An explicit stack: a chain of 1,000 services must not meet the recursion limit.
    stack: list[tuple[ServiceName, bool]] = [(start, False)]
    entered: set[ServiceName] = set()
    while stack:
        name, callees_done = stack.pop()
        if name in done or name not in services:
            continue
        if callees_done:
            done[name] = None
        elif name not in entered:
            entered.add(name)
            stack.append((name, True))
            callees = sorted((c.callee for c in services[name].calls), reverse=True)
            stack.extend((callee, False) for callee in callees)
