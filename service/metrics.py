"""What one API process counts, for Prometheus; served on a port of its own, away from users."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.registry import Collector

from service.contract.errors import StoreUnavailable, Unavailable
from service.contract.settings import Settings

# Else each of them has a second figure, of its first use, which doubles what Prometheus stores.
disable_created_metrics()  # type: ignore[no-untyped-call]
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
OUTAGES = (Unavailable.code, StoreUnavailable.code)


class Metrics:
    """Counters in a registry of their own: two apps in one process do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "l2c_http_requests_total", "Answered requests.", "route", "method", "status"
        )
        self.seconds = Histogram(
            "l2c_http_request_seconds",
            "From a request's arrival to the first byte of its answer.",
            ("route", "method"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.received = self._counter("l2c_http_received_bytes_total", "Bytes of request bodies.")
        self.sent = self._counter("l2c_http_sent_bytes_total", "Bytes of response bodies.")
        self.problems = self._counter("l2c_http_problems_total", "Answered errors.", "code")
        self.webhook_tries = self._counter(
            "l2c_webhook_tries_total", "Tries to deliver a webhook's message.", "outcome"
        )
        for outcome in ("accepted", "failed"):
            self.webhook_tries.labels(outcome)
        for code in OUTAGES:
            # From 0 on: the increase to a first 1 would not be seen.
            self.problems.labels(code)
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)


@contextmanager
def serving(settings: Settings, metrics: Metrics, jobs: Collector) -> Iterator[None]:
    """Serve both on ``metrics_port`` until the block ends; without a port, do nothing."""
    if not settings.metrics_port:
        yield
        return
    server, thread = start_http_server(
        settings.metrics_port, settings.metrics_host, metrics.registry
    )
    metrics.registry.register(jobs)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        metrics.registry.unregister(jobs)
