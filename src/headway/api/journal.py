"""The journal as a whole: copy it, and go back to a copy."""

from typing import Annotated

from fastapi import APIRouter, Depends

from headway.access.authorize import Verb
from headway.api.custody_views import BackupView, RestoreView
from headway.api.permit import Permit, TheControl
from headway.api.wire import FileRequest
from headway.model.actor import Actor

router = APIRouter(prefix="/journal", tags=["machine"])


@router.post("/backup", status_code=201)
async def backup(
    body: FileRequest,
    control: TheControl,
    actor: Annotated[Actor, Depends(Permit(Verb.BACKUP))],
) -> BackupView:
    """Copy the journal, as it is at one moment, into a file of headwayd's machine."""
    return await control.custody.backup(body.file, actor)


@router.post("/restore", status_code=202)
async def restore(
    body: FileRequest,
    control: TheControl,
    actor: Annotated[Actor, Depends(Permit(Verb.RESTORE))],
) -> RestoreView:
    """Make the journal what such a file says. What runs is not ended, but made to fit again."""
    return await control.custody.restore(body.file, actor)
