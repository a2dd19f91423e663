"""Tokens: for machines, and for people elsewhere."""

from typing import Annotated

from fastapi import APIRouter, Depends

from headway.access.authorize import Verb
from headway.api.permit import Permit, TheControl
from headway.api.token_views import NewTokenView, RevokedView, TokenView
from headway.api.wire import Name, TokenRequest
from headway.model.actor import Actor, Role

router = APIRouter(prefix="/tokens", tags=["tokens"])


@router.get("", dependencies=[Depends(Permit(Verb.LIST_TOKENS))])
async def tokens(control: TheControl) -> tuple[TokenView, ...]:
    """Who holds which, until when, and when it was used last. Never a secret."""
    return await control.keyring.tokens()


@router.post("", status_code=201)
async def create_token(
    body: TokenRequest,
    control: TheControl,
    actor: Annotated[Actor, Depends(Permit(Verb.CREATE_TOKEN))],
) -> NewTokenView:
    """A new one. Its secret is in this answer and nowhere else, ever."""
    return await control.keyring.create(
        body.name, Role(body.role), body.scope(), for_s=body.for_s, actor=actor
    )


@router.post("/{token}/revoke")
async def revoke_token(
    token: Name,
    control: TheControl,
    actor: Annotated[Actor, Depends(Permit(Verb.REVOKE_TOKEN))],
) -> RevokedView:
    """It counts no more from now on, and neither do those that were made with it."""
    return await control.keyring.revoke(token, actor)
