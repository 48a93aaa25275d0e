"""Latency and counts out of the metrics, for ``GET /monitoring/stats``."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

REQUESTS, LATENCY = "http_requests_total", "http_request_duration_seconds"
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def requests(registry: CollectorRegistry) -> dict[str, int]:
    """Answers by status."""
    counts: dict[str, int] = {}
    for sample in _samples(registry):
        if sample.name == REQUESTS:
            status = sample.labels["status"]
            counts[status] = counts.get(status, 0) + int(sample.value)
    return dict(sorted(counts.items()))


def latency(registry: CollectorRegistry) -> dict[str, dict[str, float | None]]:
    """Mean and quantiles of each route, in milliseconds, over the life of the service.

    A quantile lies inside a bucket of the histogram and is interpolated there, as Prometheus' ``histogram_quantile`` does.
    """
    buckets: dict[str, dict[float, float]] = {}
    sums: dict[str, float] = {}
    for sample in _samples(registry):
        if sample.name == f"{LATENCY}_bucket":
            of = buckets.setdefault(sample.labels["route"], {})
            of[float(sample.labels["le"])] = of.get(float(sample.labels["le"]), 0) + sample.value
        elif sample.name == f"{LATENCY}_sum":
            sums[sample.labels["route"]] = sums.get(sample.labels["route"], 0) + sample.value
    return {route: _summary(sorted(of.items()), sums[route]) for route, of in sorted(buckets.items())}


def _summary(buckets: Sequence[tuple[float, float]], total: float) -> dict[str, float | None]:
    count = buckets[-1][1]
    quantiles = {name: _ms(quantile(buckets, q)) for name, q in QUANTILES.items()}
    return {"count": count, "mean": _ms(total / count if count else None), **quantiles}


def quantile(buckets: Sequence[tuple[float, float]], q: float) -> float | None:
    """The q-quantile of cumulative buckets ``(upper bound, count)``; of the last, open one its lower bound."""
    count = buckets[-1][1]
    if not count:
        return None
    low, below = 0.0, 0.0
    for high, upto in buckets:
        if upto >= q * count:
            return low if high == float("inf") else low + (high - low) * (q * count - below) / (upto - below)
        low, below = high, upto
    return low


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _samples(registry: CollectorRegistry) -> Iterable[Sample]:
    return (sample for family in registry.collect() for sample in family.samples)
