"""Why a service is as it is: now, by whose wish, and what was decided before. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from headway.api.control import ServiceView, Tense, WhyLine, WhyView
from headway.api.views import summary
from headway.api.words import condition
from headway.model.actor import HEADWAY
from headway.model.event import Event
from headway.model.observed import Phase

# Events that an override in force tells already; the two are made at almost the same time.
WISHES = frozenset({"scale", "restart", "drain", "log-level"})
ECHOES = frozenset({Phase.DRAINING, Phase.STOPPING})  # of the orders to drain and to stop
SAME = timedelta(seconds=0.5)


def why_view(service: ServiceView, trouble: Sequence[str], events: Sequence[Event]) -> WhyView:
    """Newest of the past first."""
    now = [WhyLine(Tense.NOW, text) for text in (*trouble, *service.waiting)]
    now += [
        WhyLine(Tense.NOW, condition(r.id, r.phase, r.reason))
        for r in service.replicas
        if r.phase not in (Phase.READY, Phase.DONE)
        and not any(text.startswith(f"{r.id} ") for text in service.waiting)
    ]
    wished = [
        WhyLine(
            Tense.OVERRIDE,
            f"{o.text} until {o.expires_at:%Y-%m-%d %H:%M}"
            + (f": {o.reason}" if o.reason else "")
            + (f" (outranked by {o.blocked_by})" if o.blocked_by else ""),
            o.made_at,
            o.author,
        )
        for o in service.overrides
    ]
    made_at = [o.made_at for o in service.overrides]
    past = [
        WhyLine(Tense.PAST, _sentence(event), event.at, _signature(event.actor))
        for event in reversed(events)
        if event.kind not in ECHOES
        and (event.kind not in WISHES or not any(abs(event.at - at) < SAME for at in made_at))
    ]
    return WhyView(service.name, summary(service), (*now, *wished, *past))


def _sentence(event: Event) -> str:
    if event.text.startswith(f"{event.subject}: "):
        return event.text
    return f"{event.subject} {event.kind}: {event.text}"


def _signature(actor: str) -> str:
    """What Headway did by itself needs none."""
    return "" if actor == HEADWAY.name else actor
