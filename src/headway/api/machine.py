"""The machine: the daemon itself, and what the machine allows it."""

from typing import Annotated

from fastapi import APIRouter, Depends

from headway.access.authorize import Verb
from headway.api.control import DaemonView, Fact
from headway.api.custody_views import UpgradeView
from headway.api.permit import MaySee, Permit, TheControl
from headway.model.actor import Actor

router = APIRouter(tags=["machine"])


@router.get("/daemon", dependencies=[MaySee])
async def daemon(control: TheControl) -> DaemonView:
    """Which headwayd answers here."""
    return await control.daemon()


@router.post("/daemon/upgrade", status_code=202)
async def upgrade(
    control: TheControl, actor: Annotated[Actor, Depends(Permit(Verb.UPGRADE))]
) -> UpgradeView:
    """Go on with the code that is on disk now; keepers and Envoys follow. Nothing is ended."""
    return await control.custody.upgrade(actor)


@router.get("/doctor", dependencies=[MaySee])
async def doctor(control: TheControl) -> tuple[Fact, ...]:
    """What engine, journal and machine allow."""
    return await control.doctor()
