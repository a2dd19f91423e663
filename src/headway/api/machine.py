"""The machine: the daemon itself, and what the machine allows it."""

from fastapi import APIRouter

from headway.api.control import DaemonView, Fact
from headway.api.permit import MaySee, TheControl

router = APIRouter(tags=["machine"])


@router.get("/daemon", dependencies=[MaySee])
async def daemon(control: TheControl) -> DaemonView:
    """Which headwayd answers here."""
    return await control.daemon()


@router.get("/doctor", dependencies=[MaySee])
async def doctor(control: TheControl) -> tuple[Fact, ...]:
    """What engine, journal and machine allow."""
    return await control.doctor()
