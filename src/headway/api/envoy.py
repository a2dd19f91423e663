"""Envoy: replace it by a twin."""

from typing import Annotated

from fastapi import APIRouter, Depends

from headway.access.authorize import Verb
from headway.api.control import AcceptedView
from headway.api.permit import Permit, TheControl, TheEnvironment
from headway.model.actor import Actor

router = APIRouter(prefix="/environments/{site}/{name}/envoy", tags=["envoy"])


@router.post("/replace", status_code=202)
async def replace_envoy(
    control: TheControl,
    environment: TheEnvironment,
    actor: Annotated[Actor, Depends(Permit(Verb.REPLACE_ENVOY))],
) -> AcceptedView:
    """A twin takes over without a failed request; `status.envoy.generation` tells when."""
    return await control.replace_envoy(environment, actor)
