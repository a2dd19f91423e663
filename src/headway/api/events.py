"""Events: what happened, who did it and why."""

from typing import Annotated

from fastapi import APIRouter, Query

from headway.api.control import EventPage
from headway.api.permit import MaySee, TheControl, TheEnvironment

router = APIRouter(tags=["events"])
one = APIRouter(prefix="/environments/{site}/{name}")

EVENTS_MAX = 1000

EVENT_ID_MAX = 2**63 - 1  # what the journal can count to

After = Annotated[int | None, Query(ge=0, le=EVENT_ID_MAX)]
Limit = Annotated[int, Query(ge=1, le=EVENTS_MAX)]
Kind = Annotated[str | None, Query(max_length=64)]


@router.get("/events", dependencies=[MaySee])
async def all_events(
    control: TheControl, after: After = None, limit: Limit = 50, kind: Kind = None
) -> EventPage:
    """The last events of every environment and of the daemon, or those since `after`."""
    return await control.events(None, after=after, limit=limit, kind=kind)


@one.get("/events", dependencies=[MaySee])
async def events(
    control: TheControl,
    environment: TheEnvironment,
    after: After = None,
    limit: Limit = 50,
    kind: Kind = None,
) -> EventPage:
    """The last events of one environment, or those since `after`."""
    return await control.events(environment, after=after, limit=limit, kind=kind)


router.include_router(one)
