"""Logs: what replicas wrote."""

from typing import Annotated

from fastapi import APIRouter, Query

from headway.api import log_pages
from headway.api.control import LogPage
from headway.api.permit import MaySee, TheControl, TheEnvironment
from headway.api.wire import Name

router = APIRouter(prefix="/environments/{site}/{name}/logs", tags=["logs"])

LINES_MAX = 5000
CURSOR = rf"^({log_pages.CURSOR.pattern}(,{log_pages.CURSOR.pattern})*)?$"


@router.get("/{subject}", dependencies=[MaySee])
async def logs(
    subject: Name,
    control: TheControl,
    environment: TheEnvironment,
    lines: Annotated[int, Query(ge=0, le=LINES_MAX)] = 50,
    after: Annotated[str | None, Query(max_length=4096, pattern=CURSOR)] = None,
) -> LogPage:
    """The last lines of a service or a replica, or those written since `after`."""
    return await control.logs(environment, subject, lines=lines, after=after)
