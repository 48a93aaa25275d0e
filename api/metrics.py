"""Prometheus metrics, of one process or of all workers together (``PROMETHEUS_MULTIPROC_DIR``)."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.process_collector import ProcessCollector

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds


class Metrics:
    """The service's metrics in a registry of their own. Labels take only names that the service itself made."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("http_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry)
        self.latency = Histogram(
            "http_request_duration_seconds", "From request to answer.", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests at this moment.", multiprocess_mode="livesum", registry=self.registry
        )
        self.predictions = Counter(
            "hearth_predictions", "Calls answered with predictions.", ("model", "route"), registry=self.registry
        )
        self.rows = Counter("hearth_predicted_rows", "Rows predicted.", ("model",), registry=self.registry)
        self.refusals = Counter("hearth_limit_refusals", "Requests refused by a limit.", ("limit",), registry=self.registry)
        self.store_failures = Counter("hearth_store_failures", "Predictions answered but not stored.", registry=self.registry)
        self.store_backlog = Gauge(
            "hearth_store_backlog", "Calls waiting to be stored.", multiprocess_mode="livesum", registry=self.registry
        )
        self.store_up = Gauge(
            "hearth_store_up", "1 while the store is reachable.", multiprocess_mode="livemin", registry=self.registry
        )
        self.limits_local = Gauge(
            "hearth_limits_local",
            "1 while Redis is away and limits are counted by each worker.",
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        self.limit_failures = Counter("hearth_limit_storage_failures", "Times that Redis was given up.", registry=self.registry)
        self.reloads = Counter("hearth_reloads", "Attempts to load another bundle.", ("result",), registry=self.registry)
        self.model = Gauge(
            "hearth_model_info",
            "1 for the model that answers.",
            ("model",),
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        self.started = Gauge(
            "hearth_start_time_seconds",
            "Unix time at which this service started.",
            multiprocess_mode="min",
            registry=self.registry,
        )
        self.drifted = Gauge(
            "hearth_drifted_columns",
            "Columns that drifted in the window that was judged last.",
            ("model",),
            multiprocess_mode="mostrecent",
            registry=self.registry,
        )
        self.drift_window = Gauge(
            "hearth_drift_window_end_time_seconds",
            "Unix time of the last row of the window that was judged last.",
            ("model",),
            multiprocess_mode="mostrecent",
            registry=self.registry,
        )
        self._shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not self._shared:
            ProcessCollector(registry=self.registry)
        for result in ("ok", "refused"):  # series begin at 0, or the first of each would be no increase
            self.reloads.labels(result)
        for limit in ("key", "address"):
            self.refusals.labels(limit)
        self._limit_failures = 0
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._latencies: dict[str, Histogram] = {}
        self._predicted: dict[tuple[str, str], tuple[Counter, Counter]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer; ``route`` is a template, never a raw path."""
        counter = self._counters.get((route, method, status))
        if counter is None:
            known = method if method in METHODS else "other"
            counter = self._counters[(route, known, status)] = self.requests.labels(route, known, str(status))
        counter.inc()
        latency = self._latencies.get(route)
        if latency is None:
            latency = self._latencies[route] = self.latency.labels(route)
        latency.observe(seconds)

    def predicted(self, digest: str, route: str, rows: int) -> None:
        """Count one call that was answered with predictions."""
        children = self._predicted.get((digest, route))
        if children is None:
            children = self._predicted[(digest, route)] = self.predictions.labels(digest, route), self.rows.labels(digest)
        children[0].inc()
        children[1].inc(rows)

    def state(self, *, in_flight: int, backlog: int, store_up: bool, limits_local: bool, limit_failures: int) -> None:
        """How the service, the store and the limits are now; ``limit_failures`` since the start."""
        self.in_flight.set(in_flight)
        self.store_backlog.set(backlog)
        self.store_up.set(store_up)
        self.limits_local.set(limits_local)
        self.limit_failures.inc(limit_failures - self._limit_failures)
        self._limit_failures = limit_failures

    def serving(self, digest: str, before: str | None) -> None:
        """Say which model answers from now on."""
        if before and before != digest:
            self.model.labels(before).set(0)
        self.model.labels(digest).set(1)

    def watched(self, digest: str, drifted: int, until: float) -> None:
        """Say what the window of a model that was judged last showed, and when it ended."""
        self.drifted.labels(digest).set(drifted)
        self.drift_window.labels(digest).set(until)

    def collected(self) -> CollectorRegistry:
        """The registry to read: this process's, or that of all workers."""
        if not self._shared:
            return self.registry
        merged = CollectorRegistry()
        MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
        return merged

    def page(self) -> bytes:
        """What ``GET /metrics`` answers."""
        return generate_latest(self.collected())

    def close(self) -> None:
        """Take this worker's gauges out of the sums."""
        if self._shared:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
