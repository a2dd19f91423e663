"""Environments: list, look at, plan, apply, bring down."""

from typing import Annotated

from fastapi import APIRouter, Depends

from headway.access.authorize import Verb
from headway.api.control import (
    AcceptedView,
    ApplyView,
    EnvironmentView,
    PlanView,
    StatusView,
)
from headway.api.permit import MaySee, Permit, TheControl, TheEnvironment
from headway.api.wire import ApplyRequest, DownRequest, SiteText
from headway.model.actor import Actor
from headway.model.ids import PlanId

router = APIRouter(tags=["environments"])
one = APIRouter(prefix="/environments/{site}/{name}")


@router.get("/environments")
async def environments(
    control: TheControl, actor: Annotated[Actor, Depends(Permit(Verb.SEE, filtered=True))]
) -> tuple[EnvironmentView, ...]:
    """What runs, as far as the actor may see it, and how it goes in one line each."""
    return tuple(e for e in await control.environments() if actor.scope.covers(e.id))


@one.get("", dependencies=[MaySee])
async def status(control: TheControl, environment: TheEnvironment) -> StatusView:
    """Everything about one environment at this moment."""
    return await control.status(environment)


@one.post("/plan")
async def plan(
    body: SiteText,
    control: TheControl,
    environment: TheEnvironment,
    actor: Annotated[Actor, Depends(Permit(Verb.PLAN))],
) -> PlanView:
    """What would applying this description do? Changes nothing."""
    return await control.plan(body.source(), environment, actor)


@one.post("/apply", status_code=202)
async def apply(
    body: ApplyRequest,
    control: TheControl,
    environment: TheEnvironment,
    actor: Annotated[Actor, Depends(Permit(Verb.APPLY))],
) -> ApplyView:
    """Make this description what is wanted. Its status tells how that goes."""
    plan_id = PlanId(body.plan) if body.plan is not None else None
    return await control.apply(
        body.source(), environment, actor, plan=plan_id, take_over=body.take_over
    )


@one.post("/down", status_code=202)
async def down(
    body: DownRequest,
    control: TheControl,
    environment: TheEnvironment,
    actor: Annotated[Actor, Depends(Permit(Verb.DOWN))],
) -> AcceptedView:
    """End everything, in the draining way. The status answers 404 once nothing is left."""
    return await control.down(environment, actor, purge=body.purge)


router.include_router(one)
