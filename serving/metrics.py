"""Counts and durations for Prometheus, labelled by route template: no id ever becomes a label.

Labels come from short lists: routes, methods, problems and notices of our own, studies and versions in
service. What is measured of an answer is counted by classes (`serving.figures`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.errors import KINDS
from serving.figures import SHARES, WIDTHS, Figures

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 5.0)
_LOAD_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)


class Metrics:
    """The service's counters; with a `folder`, of all workers together."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = own = CollectorRegistry()
        labels = ("route", "method", "status")
        self._requests = _child(Counter("rxplain_requests", "Requests answered", labels, registry=own))
        self._seconds = _child(
            Histogram(
                "rxplain_request_seconds", "Time to the whole response", ("route",),
                buckets=_SECONDS, registry=own,
            )
        )  # fmt: skip
        self.in_flight = Gauge(
            "rxplain_requests_in_flight", "Requests being answered", multiprocess_mode="livesum", registry=own
        )
        self._problems = _child(
            Counter("rxplain_problems", "Requests that got a problem document", ("problem",), registry=own)
        )
        for kind in KINDS:  # an alert on an increase misses the first of a series that begins with it
            self._problems(kind)
        self._of_answers(own)
        self._of_upkeep(own)

    def _of_answers(self, own: CollectorRegistry) -> None:
        asked = ("study", "version", "result")
        self._predictions = _child(
            Counter("rxplain_predictions", "Predictions by what came of them", asked, registry=own)
        )
        self._notices = _child(
            Counter("rxplain_notices", "Answers with a notice of this code", ("study", "code"), registry=own)
        )
        self._widths = _child(
            Histogram(
                "rxplain_interval_width", "Width of intervals in the outcome's unit, by classes", ("study",),
                buckets=WIDTHS, registry=own,
            )
        )  # fmt: skip
        self._missing = _child(
            Histogram(
                "rxplain_missing_share", "Share of features not recorded, by classes", ("study",),
                buckets=SHARES, registry=own,
            )
        )  # fmt: skip
        self._store_seconds = Histogram(
            "rxplain_store_write_seconds", "Time until an answer's row is on disk",
            buckets=_SECONDS, registry=own,
        )  # fmt: skip

    def _of_upkeep(self, own: CollectorRegistry) -> None:
        last: Literal["livemostrecent"] = "livemostrecent"
        self._loads = Counter(
            "rxplain_model_loads", "Bundles taken into service or refused", ("study", "result"), registry=own
        )
        self._load_seconds = Histogram(
            "rxplain_model_load_seconds",
            "Time to load and prove a bundle",
            buckets=_LOAD_SECONDS,
            registry=own,
        )
        self._version = Gauge(
            "rxplain_model_version", "Version in service", ("study",), multiprocess_mode=last, registry=own
        )
        self._keys = Counter(
            "rxplain_issuer_keys", "Fetches of issuers' public keys", ("result",), registry=own
        )
        for result in ("fetched", "failed"):
            self._keys.labels(result)
        self._retained = Gauge(
            "rxplain_retention_last_run_time_seconds", "When old content was last erased; 0 is never",
            multiprocess_mode="mostrecent", registry=own,
        )  # fmt: skip
        self._not_retained = Counter(
            "rxplain_retention_failures", "Times that old content could not be erased", registry=own
        )

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request to a route template was answered."""
        self._requests(route, method, status).inc()
        self._seconds(route).observe(seconds)

    def problem(self, kind: str) -> None:
        """One request got a problem document of this kind."""
        self._problems(kind).inc()

    def prediction(self, study: str, version: int, result: str, figures: Figures) -> None:
        """One answer was recorded: `answered`, `ranked`, `simulated` or `declined`."""
        self._predictions(study, version, result).inc()
        for code in figures.codes:
            self._notices(study, code).inc()
        self._missing(study).observe(figures.missing)
        if figures.width is not None:
            self._widths(study).observe(figures.width)

    def stored(self, seconds: float) -> None:
        """A row was on disk after so long."""
        self._store_seconds.observe(seconds)

    def model_load(self, study: str, result: str) -> None:
        """A bundle was `served` or `refused`."""
        self._loads.labels(study, result).inc()

    def model_in_service(self, study: str, version: int, seconds: float | None = None) -> None:
        """This version answers from now on; loading it took so long, unless it was there already."""
        self._version.labels(study).set(version)
        self._loads.labels(study, "refused")
        if seconds is not None:
            self._load_seconds.observe(seconds)

    def keys_fetched(self, succeeded: bool) -> None:
        """An issuer's keys were asked for."""
        self._keys.labels("fetched" if succeeded else "failed").inc()

    def retained(self, succeeded: bool) -> None:
        """What is too old was to be erased."""
        if succeeded:
            self._retained.set(time.time())
        else:
            self._not_retained.inc()

    def exposition(self) -> bytes:
        """All counts in Prometheus' text format."""
        if self._folder is None:
            return generate_latest(self._registry)
        for gone in {pid for pid in _pids(self._folder) if not _is_alive(pid)}:
            mark_process_dead(gone, str(self._folder))
        together = CollectorRegistry()
        MultiProcessCollector(together, path=str(self._folder))
        return generate_latest(together)


def _child(metric: Counter | Histogram) -> Callable[..., Any]:
    """The metric's child of these labels, made once."""
    return cache(lambda *labels: metric.labels(*labels))


def _pids(folder: Path) -> list[int]:
    """The workers that left gauges of the living, which count no longer once they are dead."""
    return [int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
