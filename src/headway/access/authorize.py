"""May this actor do this? One table answers, and every "no" says why and who could.

Four promises hold (tests/unit/access/test_authorize.py checks them):

  strangers  who could not be identified may do nothing, not even look;
  growth     a higher role may do everything a lower one may;
  scope      a limit only ever takes away; who is limited to places may not ask about the machine;
  complete   every verb has a row: a verb without one does not import.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headway.model.actor import Actor, Role
from headway.model.ids import EnvironmentId


class Verb(StrEnum):
    SEE = "see"
    PLAN = "plan"
    APPLY = "apply"
    DOWN = "down"
    SCALE = "scale"
    RESTART = "restart"
    DRAIN = "drain"
    LOG_LEVEL = "change the log level of"
    REPLACE_ENVOY = "replace envoy"
    BACKUP = "back up"
    RESTORE = "restore"
    UPGRADE = "upgrade"
    LIST_TOKENS = "list tokens"
    CREATE_TOKEN = "create token"  # noqa: S105 - a verb
    REVOKE_TOKEN = "revoke token"  # noqa: S105 - a verb


def key_of(verb: Verb) -> str:
    """How a scope names it, as in `log-level`; the verb itself is a word for sentences."""
    return verb.name.lower().replace("_", "-")


# The lowest role that may. Planning changes nothing, but it reads the files a description names.
NEEDED: Mapping[Verb, Role] = {
    Verb.SEE: Role.VIEWER,
    Verb.PLAN: Role.OPERATOR,
    Verb.SCALE: Role.OPERATOR,
    Verb.RESTART: Role.OPERATOR,
    Verb.DRAIN: Role.OPERATOR,
    Verb.LOG_LEVEL: Role.OPERATOR,
    Verb.REPLACE_ENVOY: Role.OPERATOR,
    Verb.APPLY: Role.ADMIN,
    Verb.DOWN: Role.ADMIN,
    Verb.BACKUP: Role.ADMIN,
    Verb.RESTORE: Role.ADMIN,
    Verb.UPGRADE: Role.ADMIN,
    Verb.LIST_TOKENS: Role.ADMIN,
    Verb.CREATE_TOKEN: Role.ADMIN,
    Verb.REVOKE_TOKEN: Role.ADMIN,
}
assert set(NEEDED) == set(Verb), "every verb needs a row"

VERB_KEYS = tuple(key_of(verb) for verb in Verb)

ROLES_ASCENDING = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
assert set(ROLES_ASCENDING) == set(Role), "every role has its place"


@dataclass(frozen=True, slots=True)
class Allowed:
    actor: Actor


@dataclass(frozen=True, slots=True)
class Denied:
    reason: str
    remedy: str


def authorize(
    actor: Actor | None, verb: Verb, subject: str, environment: EnvironmentId | None
) -> Allowed | Denied:
    """`actor` is None when nobody knows who asks; `environment` when it is about the machine."""
    wish = f"{verb} {subject}".rstrip()
    needed = NEEDED[verb]
    if actor is None:
        return Denied(
            reason=f"an unknown user may not {wish}",
            remedy="run the command as the user who runs headwayd, or as root",
        )
    if not is_at_least(actor.role, needed):
        return Denied(
            reason=f"{actor.name} is {_with_article(actor.role)} and may not {wish}",
            remedy=f"ask somebody with the role {needed}",
        )
    if actor.scope.verbs is not None and key_of(verb) not in actor.scope.verbs:
        verbs = ", ".join(sorted(actor.scope.verbs)) or "nothing"
        return Denied(
            reason=f"{actor.name} is limited to {verbs} and may not {wish}",
            remedy="use a token whose scope has this verb",
        )
    if not actor.scope.covers(environment):
        places = ", ".join(sorted(actor.scope.places or ())) or "nowhere"
        return Denied(
            reason=f"{actor.name} is limited to {places} and may not {wish}",
            remedy="use a token whose scope has this place",
        )
    return Allowed(actor)


def is_at_least(role: Role, needed: Role) -> bool:
    return ROLES_ASCENDING.index(role) >= ROLES_ASCENDING.index(needed)


def _with_article(role: Role) -> str:
    return f"an {role}" if role[0] in "aeiou" else f"a {role}"
