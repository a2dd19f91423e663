"""Services: why they are as they are, scale, restart, log level."""

from typing import Annotated

from fastapi import APIRouter, Depends

from headway.access.authorize import Verb
from headway.api.control import AcceptedView, WhyView
from headway.api.permit import MaySee, Permit, TheControl, TheEnvironment
from headway.api.wire import LogLevelRequest, Name, ReasonRequest, ScaleRequest
from headway.model.actor import Actor
from headway.model.ids import ServiceName

router = APIRouter(prefix="/environments/{site}/{name}/services", tags=["services"])


@router.get("/{service}/why", dependencies=[MaySee])
async def why(service: Name, control: TheControl, environment: TheEnvironment) -> WhyView:
    """What waits and why, what overrides the description, what was decided last."""
    return await control.why(environment, ServiceName(service))


@router.post("/{service}/scale", status_code=202)
async def scale(
    service: Name,
    body: ScaleRequest,
    control: TheControl,
    environment: TheEnvironment,
    actor: Annotated[Actor, Depends(Permit(Verb.SCALE))],
) -> AcceptedView:
    """Another number of replicas for a while; then the description counts again."""
    return await control.scale(
        environment,
        ServiceName(service),
        body.count,
        for_s=body.for_s,
        reason=body.reason,
        actor=actor,
    )


@router.post("/{service}/restart", status_code=202)
async def restart(
    service: Name,
    body: ReasonRequest,
    control: TheControl,
    environment: TheEnvironment,
    actor: Annotated[Actor, Depends(Permit(Verb.RESTART))],
) -> AcceptedView:
    """Replace every replica that runs now, one safe step at a time."""
    return await control.restart(environment, ServiceName(service), reason=body.reason, actor=actor)


@router.post("/{service}/log-level", status_code=202)
async def log_level(
    service: Name,
    body: LogLevelRequest,
    control: TheControl,
    environment: TheEnvironment,
    actor: Annotated[Actor, Depends(Permit(Verb.LOG_LEVEL))],
) -> AcceptedView:
    """Its running replicas log at another level for a while, without a restart; `own` ends it."""
    return await control.log_level(
        environment,
        ServiceName(service),
        "" if body.level == "own" else body.level,
        for_s=body.for_s,
        reason=body.reason,
        actor=actor,
    )
