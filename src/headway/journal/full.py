"""What may still be done when the journal cannot be written: keep things alive, nothing new.

Restart, eject and drain go on; what needs a record (a first start, a new release, scaling) waits
until there is room again.
"""

from collections.abc import Iterable

from headway.model.plan import Action, Drain, Forget, Start, Stop

BUFFERED_EVENTS_MAX = 10_000


def allowed_without_journal(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Those that only keep alive what was alive: a start counts when it follows a failed life."""
    return tuple(action for action in actions if _keeps_alive(action))


def _keeps_alive(action: Action) -> bool:
    match action:
        case Start(incarnation=incarnation):
            return incarnation > 1
        case Drain() | Stop():
            return True
        case Forget():
            return False
