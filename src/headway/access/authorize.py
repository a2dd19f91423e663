"""May this actor do this? One table answers, and every "no" says why and who could.

Three promises hold (tests/unit/access/test_authorize.py checks them):

  strangers  who could not be identified may do nothing, not even look;
  growth     a higher role may do everything a lower one may;
  complete   every verb has a row: a verb without one does not import.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headway.model.actor import Actor, Role


class Verb(StrEnum):
    SEE = "see"
    PLAN = "plan"
    APPLY = "apply"
    DOWN = "down"
    SCALE = "scale"
    RESTART = "restart"
    DRAIN = "drain"
    REPLACE_ENVOY = "replace envoy"


# The lowest role that may. Planning changes nothing, but it reads the files a description names.
NEEDED: Mapping[Verb, Role] = {
    Verb.SEE: Role.VIEWER,
    Verb.PLAN: Role.OPERATOR,
    Verb.SCALE: Role.OPERATOR,
    Verb.RESTART: Role.OPERATOR,
    Verb.DRAIN: Role.OPERATOR,
    Verb.REPLACE_ENVOY: Role.OPERATOR,
    Verb.APPLY: Role.ADMIN,
    Verb.DOWN: Role.ADMIN,
}
assert set(NEEDED) == set(Verb), "every verb needs a row"

ROLES_ASCENDING = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
assert set(ROLES_ASCENDING) == set(Role), "every role has its place"


@dataclass(frozen=True, slots=True)
class Allowed:
    actor: Actor


@dataclass(frozen=True, slots=True)
class Denied:
    reason: str
    remedy: str


def authorize(actor: Actor | None, verb: Verb, subject: str) -> Allowed | Denied:
    """`actor` is None when nobody knows who asks."""
    wish = f"{verb} {subject}".rstrip()
    needed = NEEDED[verb]
    if actor is None:
        return Denied(
            reason=f"an unknown user may not {wish}",
            remedy="run the command as the user who runs headwayd, or as root",
        )
    if ROLES_ASCENDING.index(actor.role) < ROLES_ASCENDING.index(needed):
        return Denied(
            reason=f"{actor.name} is {_with_article(actor.role)} and may not {wish}",
            remedy=f"ask somebody with the role {needed}",
        )
    return Allowed(actor)


def _with_article(role: Role) -> str:
    return f"an {role}" if role[0] in "aeiou" else f"a {role}"
