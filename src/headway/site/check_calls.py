"""Calls: who they lead to, how long they may take, and that nobody waits for himself."""

from collections.abc import Iterator, Mapping
from math import inf

from headway.model.ids import PRODUCTION
from headway.model.site import Kind
from headway.site.described import Described
from headway.site.finding import Finding
from headway.site.problem import Severity, quoted
from headway.site.shape import CallShape
from headway.site.values import one_of, spell_duration


def check_callees(described: Described) -> Iterator[Finding]:
    services = described.site.services
    for name, callee, _ in _calls(described):
        path = ("services", name, "calls", callee)
        if callee not in services and described.is_readable("services", callee):
            message = f"{quoted(name)} calls {quoted(callee)}, and no service has that name"
            help_ = one_of(callee, list(services), label="Services here:")
            yield Finding("HW012", path, message, help_, on_key=True)
        elif callee in services and services[callee].kind is Kind.JOB:
            message = f"{quoted(name)} calls {quoted(callee)}, which is a job and answers nobody"
            yield Finding("HW047", path, message, "call a service", on_key=True)


def check_cycles(described: Described) -> Iterator[Finding]:
    """If everyone in a circle needs the next, none of them can ever be the first to work."""
    needs = {name: [] for name in described.site.services}  # type: dict[str, list[str]]
    for name, callee, call in _calls(described):
        is_known = described.is_sound("services", name, "calls", callee, "optional")
        if is_known and not call.optional and callee in needs:
            needs[name].append(callee)
    while cycle := _find_cycle(needs):
        caller, callee = cycle[-1], cycle[0]
        if len(cycle) == 1:
            message = f"{quoted(caller)} needs itself"
        else:
            message = "required calls form a circle: " + " > ".join((*cycle, callee))
        help_ = "mark one of them `optional: true`, or turn it round"
        path = ("services", caller, "calls", callee)
        yield Finding("HW042", path, message, help_, on_key=True)
        needs[caller].remove(callee)


def check_deadlines(described: Described) -> Iterator[Finding]:
    """A call that may take longer than its caller has is a call nobody waits for."""
    allowed_s = _allowances(described)
    for name, callee, call in _calls(described):
        limit_s = allowed_s.get(name, inf)
        if call.deadline is not None and call.deadline > limit_s:
            message = (
                f"{quoted(name)} gives {quoted(callee)} {spell_duration(call.deadline)}, "
                f"and has {spell_duration(limit_s)} itself"
            )
            help_ = f"write at most `{spell_duration(limit_s)}`, or raise `latency_budget`"
            path = ("services", name, "calls", callee, "deadline")
            yield Finding("HW045", path, message, help_)


def check_single_replicas(described: Described) -> Iterator[Finding]:
    """Only in production: elsewhere one replica is what one wants."""
    services = described.site.services
    if described.environment != PRODUCTION:
        return
    for name, callee, call in _calls(described):
        if call.optional or callee not in services or services[callee].kind is Kind.JOB:
            continue
        if services[callee].replicas == 1 and described.is_sound("services", callee, "replicas"):
            message = f"{quoted(name)} needs {quoted(callee)}, which has one replica"
            help_ = f"write `replicas: 2` in {quoted(callee)}, or `optional: true` here"
            path = ("services", name, "calls", callee)
            yield Finding("HW046", path, message, help_, True, Severity.WARNING)


def _calls(described: Described) -> Iterator[tuple[str, str, CallShape]]:
    """Caller, callee and call, as far as there is a call."""
    for name, service in described.site.services.items():
        for callee, call in service.calls.items():
            if described.is_readable("services", name, "calls", callee):
                yield name, callee, call


def _allowances(described: Described) -> Mapping[str, float]:
    """The longest that each service may take, over all ways that lead to it from the entry."""
    site = described.site
    if site.latency_budget is None or not described.is_sound("latency_budget"):
        return {}
    allowed_s = {site.entry.service: site.latency_budget}
    calls: dict[str, list[tuple[str, float]]] = {}
    for name, callee, call in _calls(described):
        calls.setdefault(name, []).append((callee, call.deadline or inf))
    waiting = [site.entry.service]
    while waiting:
        name = waiting.pop()
        for callee, deadline_s in calls.get(name, ()):
            longest_s = min(allowed_s[name], deadline_s)
            if longest_s > allowed_s.get(callee, 0.0):
                allowed_s[callee] = longest_s
                waiting.append(callee)
    return allowed_s


def _find_cycle(needs: Mapping[str, list[str]]) -> list[str]:
    """One circle of required calls, or nothing. Without recursion: chains may be long."""
    finished: set[str] = set()
    for start in needs:
        trail: list[str] = []
        on_trail: set[str] = set()
        steps: list[tuple[str, bool]] = [(start, True)]
        while steps:
            name, is_arriving = steps.pop()
            if not is_arriving:
                on_trail.discard(trail.pop())
                finished.add(name)
            elif name in on_trail:
                return trail[trail.index(name) :]
            elif name not in finished:
                trail.append(name)
                on_trail.add(name)
                steps.append((name, False))
                steps.extend((callee, True) for callee in reversed(needs[name]))
    return []


CALL_RULES = (check_callees, check_cycles, check_deadlines, check_single_replicas)
