"""Replicas: drain one."""

from typing import Annotated

from fastapi import APIRouter, Depends

from headway.access.authorize import Verb
from headway.api.control import AcceptedView
from headway.api.permit import Permit, TheControl, TheEnvironment
from headway.api.wire import Name, ReasonRequest
from headway.model.actor import Actor
from headway.model.ids import ReplicaId

router = APIRouter(prefix="/environments/{site}/{name}/replicas", tags=["replicas"])


@router.post("/{replica}/drain", status_code=202)
async def drain(
    replica: Name,
    body: ReasonRequest,
    control: TheControl,
    environment: TheEnvironment,
    actor: Annotated[Actor, Depends(Permit(Verb.DRAIN))],
) -> AcceptedView:
    """Traffic leaves this replica, it ends, and another takes its place."""
    return await control.drain(environment, ReplicaId(replica), reason=body.reason, actor=actor)
