"""Prometheus metrics of the gateway: requests, their latency, and clients of live updates. No ids, no prompts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kinolog.process.metrics.process_metrics import process_metrics
from kinolog.process.probe import metrics_text

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


@dataclass(slots=True)
class LiveCounts:
    """Plain counters, because some of these grow thousands of times a second."""

    clients: int = 0
    upstream_streams: int = 0
    paused_streams: int = 0
    messages_sent: int = 0
    updates_conflated: int = 0
    slow_clients_closed: int = 0
    client_errors: int = 0


class _LiveCollector(Collector):
    def __init__(self, counts: LiveCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Return the current counts."""
        counts, prefix = self._counts, "kinolog_gateway_websocket"
        yield GaugeMetricFamily(
            f"{prefix}_clients",
            "Clients of live updates connected now.",
            counts.clients,
        )
        yield GaugeMetricFamily(
            "kinolog_gateway_upstream_streams", "Streams from the api open now.", counts.upstream_streams
        )
        yield GaugeMetricFamily(
            "kinolog_gateway_live_paused",
            "Tenants whose live updates pause because the stream from the api is broken.",
            counts.paused_streams,
        )
        yield CounterMetricFamily(f"{prefix}_messages", "Messages sent to clients.", counts.messages_sent)
        yield CounterMetricFamily(
            f"{prefix}_conflated",
            "Updates replaced by newer ones before they were sent.",
            counts.updates_conflated,
        )
        yield CounterMetricFamily(
            f"{prefix}_slow_clients_closed",
            "Clients closed because they read too slowly.",
            counts.slow_clients_closed,
        )
        yield CounterMetricFamily(
            f"{prefix}_client_errors", "Client messages answered with an error.", counts.client_errors
        )


class Metrics:
    """The metrics of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.live = LiveCounts()
        self._registry = CollectorRegistry()
        self._registry.register(_LiveCollector(self.live))
        self._requests = Counter(
            "kinolog_gateway_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "kinolog_gateway_request_seconds",
            "Seconds until an HTTP request was answered.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def count_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. `route` is the template, such as /api/v1/status/{job_id}."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def page(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry) + metrics_text(process_metrics()).encode()
