"""Why a service is as it is: now, by whose wish, and what was decided before. Pure."""

from collections.abc import Sequence

from headway.api.control import ServiceView, Tense, WhyLine, WhyView
from headway.api.views import summary
from headway.model.event import Event
from headway.model.observed import Phase


def why_view(service: ServiceView, trouble: Sequence[str], events: Sequence[Event]) -> WhyView:
    """Newest of the past first."""
    now = [WhyLine(Tense.NOW, text) for text in (*trouble, *service.waiting)]
    now += [
        WhyLine(Tense.NOW, f"{r.id} is {r.phase}: {r.reason}")
        for r in service.replicas
        if r.phase not in (Phase.READY, Phase.DONE)
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
    past = [
        WhyLine(Tense.PAST, f"{event.subject} {event.kind}: {event.text}", event.at, event.actor)
        for event in reversed(events)
    ]
    return WhyView(service.name, summary(service), (*now, *wished, *past))
