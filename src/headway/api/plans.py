"""What applying a draft would do, as a plan that can be named, shown and refused when stale."""

from collections.abc import Iterator
from hashlib import sha256

from headway.api.control import PlanView
from headway.api.draft import Draft
from headway.api.running import Running
from headway.api.views import override_views
from headway.model.ids import EnvironmentId, PlanId
from headway.model.observed import ALIVE, Process
from headway.planning.diff import diff


def plan_view(made: Draft, environment: EnvironmentId, running: Running | None) -> PlanView:
    """The same text against the same environment has the same id; anything else another."""
    described = running.described if running else None
    differences = diff(described, made.described, _alive(running))
    basis = f"{environment} {made.digest}"
    if running is not None:
        stored, overrides = running.stored, running.environment.wanted.overrides
        basis += f" {stored.digest} {stored.applied_at} {stored.going_down} {overrides!r}"
    return PlanView(
        id=PlanId(f"p-{sha256(basis.encode()).hexdigest()[:6]}"),
        environment=environment,
        unchanged=running is not None and not differences,
        changes=differences,
        starts=sum(d.starts for d in differences),
        stops=sum(d.stops for d in differences),
        restarts=sum(d.restarts for d in differences),
        warnings=(*made.warnings, *_outranked(running)),
    )


def counted(view: PlanView) -> str:
    """`2 starts, 3 replacements`."""
    counts = {"starts": view.starts, "stops": view.stops, "replacements": view.restarts}
    said = [f"{count} {what}" for what, count in counts.items() if count]
    return ", ".join(said) or "no replica changes"


def _alive(running: Running | None) -> Iterator[Process]:
    """What ran when last looked at."""
    last = running.environment.last if running else None
    for step in last.steps.values() if last else ():
        yield from (replica.process for replica in step.replicas if replica.phase in ALIVE)


def _outranked(running: Running | None) -> Iterator[str]:
    """Where somebody's wish counts more than what the description says."""
    if running is None or running.environment.last is None:
        return
    now = running.environment.last.at
    for service in running.described.services:
        for view in override_views(running.environment.wanted.overrides, service, now):
            if view.text.startswith("scaled") and not view.blocked_by:
                wish = f"{view.text} by {view.author} until {view.expires_at:%a %H:%M}"
                yield f"{service} is {wish}, whatever is described"
