"""What one worker counts, for Prometheus."""

import logging

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from service.contract.settings import Settings

LOG = logging.getLogger(__name__)
# Else each of them has a second figure, of its first use, which doubles what Prometheus stores.
disable_created_metrics()  # type: ignore[no-untyped-call]
SECONDS = (1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600)


class WorkerMetrics:
    """Counters in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.attempts = Counter(
            "l2c_worker_attempts_total",
            "Ended attempts at jobs.",
            ("kind", "outcome", "code"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "l2c_worker_attempt_seconds",
            "Time of an attempt.",
            ("kind",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.busy = Gauge(
            "l2c_worker_busy", "Jobs that the worker has at this moment.", registry=self.registry
        )
        ProcessCollector(registry=self.registry)

    def serve(self, settings: Settings) -> None:
        """On ``worker_metrics_port``, until the process ends; without a port, not at all."""
        if not settings.worker_metrics_port:
            return
        try:
            start_http_server(settings.worker_metrics_port, settings.metrics_host, self.registry)
        except OSError as error:
            # Jobs matter more than their figures.
            LOG.error("no metrics on port %d: %s", settings.worker_metrics_port, error)
