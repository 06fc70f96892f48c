"""Counts and durations for Prometheus, labelled by route template: no id ever becomes a label."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 5.0)
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"})


class Metrics:
    """The service's counters; with a `folder`, of all workers together."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "rxplain_requests", "Requests answered", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "rxplain_request_seconds", "Time to the whole response", ("route",),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._predictions = Counter(
            "rxplain_predictions",
            "Predictions by what came of them",
            ("study", "result"),
            registry=self._registry,
        )
        self._swaps = Counter(
            "rxplain_model_loads", "Bundles taken into service or refused", ("study", "result"),
            registry=self._registry,
        )  # fmt: skip
        self._request_child = cache(lambda *labels: self._requests.labels(*labels))
        self._prediction_child = cache(lambda *labels: self._predictions.labels(*labels))
        self._seconds_child = cache(lambda route: self._seconds.labels(route))

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request to a route template was answered."""
        self._request_child(route, method if method in _METHODS else "OTHER", status).inc()
        self._seconds_child(route).observe(seconds)

    def prediction(self, study: str, result: str) -> None:
        """One answer was recorded: `answered`, `ranked` or `declined`."""
        self._prediction_child(study, result).inc()

    def model_load(self, study: str, result: str) -> None:
        """A bundle was `served` or `refused`."""
        self._swaps.labels(study, result).inc()

    def exposition(self) -> bytes:
        """All counts in Prometheus' text format."""
        if self._folder is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, path=str(self._folder))
        return generate_latest(together)
