"""The door of every route: who asks, may they, and if not, who hears of it."""

from dataclasses import replace
from typing import Annotated, cast

from fastapi import Depends, Request

from headway.access.authorize import Denied, Verb, authorize
from headway.api.control import Control, DenialView, DeniedError
from headway.api.peer import actor_of, peer_of, stranger
from headway.api.wire import Name
from headway.model.actor import Actor
from headway.model.ids import EnvironmentId, EnvironmentName, SiteName


def control_of(request: Request) -> Control:
    return cast("Control", request.app.state.control)


def environment_of(site: Name, name: Name) -> EnvironmentId:
    """The names in the path, as the model's."""
    return EnvironmentId(SiteName(site), EnvironmentName(name))


class Permit:
    """A dependency: lets the request in as its actor, or writes down that it was denied.

    `filtered`: the route answers with what the actor may see, so that his places do not matter.
    """

    def __init__(self, verb: Verb, *, filtered: bool = False) -> None:
        self.verb = verb
        self._filtered = filtered

    async def __call__(self, request: Request) -> Actor:
        path = request.path_params
        environment = environment_of(path["site"], path["name"]) if "site" in path else None
        last_word = request.url.path.rpartition("/")[2]
        subject = path.get("service") or path.get("replica") or str(environment or last_word)
        actor = actor_of(request.scope)
        asking = actor
        if actor is not None and self._filtered:
            asking = replace(actor, scope=replace(actor.scope, places=None))
        decision = authorize(asking, self.verb, subject, environment)
        if isinstance(decision, Denied):
            who = actor.name if actor else stranger(peer_of(request.scope))
            denial = DenialView(who, self.verb, subject, decision.reason, environment)
            await control_of(request).audit(denial)
            raise DeniedError(decision.reason, remedy=decision.remedy)
        assert actor is not None, "nobody is never allowed"
        return actor


TheControl = Annotated[Control, Depends(control_of)]
TheEnvironment = Annotated[EnvironmentId, Depends(environment_of)]
MaySee = Depends(Permit(Verb.SEE))
