"""What Headway's monitor reads from a service: requests, how long they took, how many are open."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from headway_sdk.request import METHODS, Request

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5, 15)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """`registry` is the service's own; its author may register more in it."""

    def __init__(self, *, in_flight: Callable[[], int], healthy: Callable[[], bool]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "hw_requests", "Requests answered.", ["method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "hw_request_seconds",
            "Time from the request's first line to the answer's last byte.",
            registry=self.registry,
            buckets=BUCKETS_S,
        )
        Gauge(
            "hw_requests_in_flight", "Requests being answered now.", registry=self.registry
        ).set_function(in_flight)
        Gauge(
            "hw_healthy", "1 while the service wants traffic.", registry=self.registry
        ).set_function(lambda: float(healthy()))
        ProcessCollector(registry=self.registry)
        self._late = Counter(
            "hw_budget_misses",
            "Requests answered later than their caller should have had it.",
            registry=self.registry,
        )
        self._by_kind: dict[tuple[str, str], Counter] = {}

    def count(self, request: Request) -> None:
        # Methods come from outside: unknown ones share a label, so that it stays bounded.
        method = request.method if request.method in METHODS else "other"
        kind = (method, request.status_class)
        if kind not in self._by_kind:
            self._by_kind[kind] = self._requests.labels(*kind)
        self._by_kind[kind].inc()
        self._seconds.observe(request.took_s)
        if request.late:
            self._late.inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)
