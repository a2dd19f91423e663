"""Calls: who they lead to, how long they may take, and that nobody waits for himself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from headway.model.ids import PRODUCTION
from headway.model.site import Kind
from headway.site.described import Described
from headway.site.finding import Finding
from headway.site.problem import Severity, quoted
from headway.site.shape import CallShape
from headway.site.tree import Path
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
    allowed = _allowances(described)
    for name, callee, call in _calls(described):
        limit = allowed.get(name)
        limit_s = limit.seconds if limit else inf
        if limit and call.deadline is not None and call.deadline > limit_s:
            message = (
                f"{quoted(name)} gives {quoted(callee)} {spell_duration(call.deadline)}, "
                f"and has {spell_duration(limit_s)} itself"
            )
            help_ = f"write at most `{spell_duration(limit_s)}`, or raise `latency_budget`"
            path = ("services", name, "calls", callee, "deadline")
            yield Finding("HW045", path, message, help_, also=limit.because)


def check_drains(described: Described) -> Iterator[Finding]:
    """Only in production: a replica that leaves must have time for what it was promised."""
    if described.environment != PRODUCTION:
        return
    longest = _longest_waits(described)
    for name, service in described.site.services.items():
        path = ("services", name, "drain")
        waits_s, because = longest.get(name, (0.0, None))
        if service.kind is Kind.JOB or service.drain >= waits_s or not described.is_sound(*path):
            continue
        told = spell_duration(waits_s)
        message = (
            f"{quoted(name)} drains for {spell_duration(service.drain)}, "
            f"and may be asked for what takes {told}: such answers are cut off"
        )
        help_ = f"write `drain: {told}`, or a shorter deadline"
        # Where nothing is written the default is meant; the name of the service stands for it.
        where = path if "drain" in service.model_fields_set else path[:-1]
        is_key = where != path
        yield Finding("HW055", where, message, help_, is_key, Severity.WARNING, because)


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


def _longest_waits(described: Described) -> Mapping[str, tuple[float, tuple[Path, str]]]:
    """How long somebody waits for each service at most, as far as it is written down, and where."""
    longest: dict[str, tuple[float, tuple[Path, str]]] = {}
    entry = described.site.entry
    if "timeout" in entry.model_fields_set and described.is_sound("entry"):
        longest[entry.service] = (entry.timeout, (("entry", "timeout"), "users wait so long"))
    for name, callee, call in _calls(described):
        path = ("services", name, "calls", callee, "deadline")
        if call.deadline is None or not described.is_sound(*path):
            continue
        if call.deadline > longest.get(callee, (0.0,))[0]:
            longest[callee] = (call.deadline, (path, f"{quoted(name)} waits so long"))
    return longest


@dataclass(frozen=True, slots=True)
class _Allowance:
    """The longest that a service may take, and where that is written."""

    seconds: float
    because: tuple[Path, str]


def _calls(described: Described) -> Iterator[tuple[str, str, CallShape]]:
    """Caller, callee and call, as far as there is a call."""
    for name, service in described.site.services.items():
        for callee, call in service.calls.items():
            if described.is_readable("services", name, "calls", callee):
                yield name, callee, call


def _allowances(described: Described) -> Mapping[str, _Allowance]:
    """The longest that each service may take, over all ways that lead to it from the entry."""
    site = described.site
    if site.latency_budget is None or not described.is_sound("latency_budget"):
        return {}
    budget = _Allowance(site.latency_budget, (("latency_budget",), "the whole answer is due"))
    allowed = {site.entry.service: budget}
    calls: dict[str, list[tuple[str, CallShape]]] = {}
    for name, callee, call in _calls(described):
        calls.setdefault(name, []).append((callee, call))
    waiting = [site.entry.service]
    while waiting:
        name = waiting.pop()
        for callee, call in calls.get(name, ()):
            longest = allowed[name]
            if call.deadline is not None and call.deadline < longest.seconds:
                path = ("services", name, "calls", callee, "deadline")
                longest = _Allowance(call.deadline, (path, f"all that {quoted(callee)} has"))
            if callee not in allowed or longest.seconds > allowed[callee].seconds:
                allowed[callee] = longest
                waiting.append(callee)
    return allowed


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


CALL_RULES = (check_callees, check_cycles, check_deadlines, check_drains, check_single_replicas)
