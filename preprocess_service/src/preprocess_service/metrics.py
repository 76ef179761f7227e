"""Prometheus metrics of one server. Labels are fixed words: never anything of a scan or a person."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

Call = Literal["preprocess", "restore"]
Stage = Literal["receive", "decode", "prepare", "slice", "stream", "restore"]
Outcome = Literal["ok", "refused", "busy", "cancelled", "timed_out", "failed"]

_STAGE_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class ServiceMetrics:
    """Everything the service counts, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._stage_seconds = Histogram(
            "hunet_preprocess_stage_seconds",
            "Time of one scan in a stage: receive and stream wait for the client, the others compute.",
            ["stage"],
            buckets=_STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._calls = Counter(
            "hunet_preprocess_calls_total", "Finished calls.", ["call", "outcome"], registry=self.registry
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

    def watch(self, call: Call, in_flight: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Reads the gauges of one kind of call from where the numbers are kept."""
        self._in_flight.labels(call).set_function(in_flight)
        self._waiting.labels(call).set_function(waiting)

    def finished(self, call: Call, outcome: Outcome) -> None:
        self._calls.labels(call, outcome).inc()

    def rejected(self, reason: str) -> None:
        self._rejections.labels(reason).inc()

    def observe(self, stage: Stage, duration_s: float) -> None:
        self._stage_seconds.labels(stage).observe(duration_s)


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
