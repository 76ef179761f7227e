"""Prometheus metrics of one server. Labels are fixed words: never anything of a scan or a person."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from hunet_protocol.tracing import exemplar
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from preprocess_service.pipeline.manifest import software_versions
from preprocess_service.pipeline.scan import ScanFormat

Call = Literal["preprocess", "restore"]
Stage = Literal["receive", "decode", "wait", "prepare", "slice", "stream", "restore"]
Outcome = Literal["ok", "refused", "busy", "cancelled", "timed_out", "failed"]

_STAGE_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_CALL_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)


class ServiceMetrics:
    """Everything the service counts, in a registry of its own; what scans are like is in `ScanMetrics`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build = Info("hunet_preprocess_build", "Versions of what makes the slices.", registry=self.registry)
        versions = {name.replace("-", "_"): version for name, version in software_versions(ScanFormat.DICOM)}
        build.info({**versions, "python": platform.python_version()})
        self._stage_seconds = Histogram(
            "hunet_preprocess_stage_seconds",
            "Time of one scan in a stage: receive and stream wait for the client, wait is for a place, others compute.",
            ["stage"],
            buckets=_STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "hunet_preprocess_call_seconds",
            "Whole time of a finished call. A restore lasts from a scan's manifest until its volume is sent.",
            ["call", "outcome"],
            buckets=_CALL_BUCKETS_S,
            registry=self.registry,
        )
        self._rejections = Counter(
            "hunet_preprocess_rejections_total",
            "Calls turned away, by reason code.",
            ["reason"],
            registry=self.registry,
        )
        self._in_flight = Gauge("hunet_preprocess_calls_in_flight", "Calls in work.", ["call"], registry=self.registry)
        self._waiting = Gauge(
            "hunet_preprocess_calls_waiting", "Calls waiting for a place.", ["call"], registry=self.registry
        )
        self._places = Gauge("hunet_preprocess_places", "Calls in work at most.", ["call"], registry=self.registry)
        # A rate needs the zero before the first event.
        for call in get_args(Call):
            for outcome in get_args(Outcome):
                self._call_seconds.labels(call, outcome)

    def watch(self, call: Call, places: int, in_flight: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Reads the gauges of one kind of call from where the numbers are kept."""
        self._places.labels(call).set(places)
        self._in_flight.labels(call).set_function(in_flight)
        self._waiting.labels(call).set_function(waiting)

    def finished(self, call: Call, outcome: Outcome, duration_s: float) -> None:
        self._call_seconds.labels(call, outcome).observe(duration_s, exemplar())

    def rejected(self, reason: str) -> None:
        self._rejections.labels(reason).inc()

    def observe(self, stage: Stage, duration_s: float) -> None:
        self._stage_seconds.labels(stage).observe(duration_s, exemplar())


class StageTimes:
    """Adds up one call's time by stage; the stages take turns many times in a stream."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}

    @contextmanager
    def during(self, stage: Stage) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - started)

    def add(self, stage: Stage, duration_s: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + duration_s
