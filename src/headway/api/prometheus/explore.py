"""What there is: series, names of labels and their values, targets."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from headway.monitoring.io.scrape import INTERVAL_S, TIMEOUT_S, Watch
from headway.monitoring.io.store import Store
from headway.monitoring.series import Matcher

ALWAYS_MS = (0, 253_402_300_799_000)
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
NEVER = "0001-01-01T00:00:00Z"

Found: TypeAlias = list[Any]
Explored: TypeAlias = Callable[[Store, Sequence[Sequence[Matcher]], int, int], Found]


def series(
    store: Store, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
) -> Found:
    found = {
        tuple(sorted(labels.items())): None
        for matchers in selectors
        for labels in store.series(matchers, start_ms, end_ms)
    }
    return [dict(pairs) for pairs in sorted(found)]


def label_names(
    store: Store, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
) -> Found:
    found = series(store, selectors, start_ms, end_ms)
    return sorted({name for labels in found for name in labels})


def label_values(name: str) -> Explored:
    def values(
        store: Store, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> Found:
        found = series(store, selectors, start_ms, end_ms)
        return sorted({labels[name] for labels in found if name in labels})

    return values


def target(watch: Watch) -> Mapping[str, Any]:
    labels = watch.target.base
    fetch = watch.target.fetch
    health = {True: "up", False: "down", None: "unknown"}[watch.is_up]
    at = watch.last_at_s
    return {
        "discoveredLabels": {},
        "labels": labels,
        "scrapePool": labels.get("job", ""),
        "scrapeUrl": fetch.url if fetch is not None else "",
        "globalUrl": fetch.url if fetch is not None else "",
        "lastError": watch.last_error,
        "lastScrape": datetime.fromtimestamp(at, UTC).isoformat() if at is not None else NEVER,
        "lastScrapeDuration": watch.last_took_s,
        "health": health,
        "scrapeInterval": f"{INTERVAL_S:g}s",
        "scrapeTimeout": f"{TIMEOUT_S * 1000:g}ms",
    }
