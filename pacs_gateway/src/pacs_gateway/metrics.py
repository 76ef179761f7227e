"""What the gateway counts for Prometheus. No label holds a UID, an AE title or anything of a patient."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pacs_gateway.jobs.states import STATES
from pacs_gateway.storage.revisions import RevisionLedger

ASSOCIATIONS = Counter("hunet_gateway_associations", "Association requests.", ["outcome"])
INSTANCES = Counter("hunet_gateway_instances", "Instances received.", ["outcome"])
STEP_SECONDS = Histogram(
    "hunet_gateway_step_seconds",
    "Time of one attempt at a job's step.",
    ["step", "outcome"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Around one attempt at a step."""
    started = time.monotonic()
    outcome = "failed"
    try:
        yield
        outcome = "done"
    finally:
        STEP_SECONDS.labels(step=step, outcome=outcome).observe(time.monotonic() - started)


class LedgerCollector(Collector):
    """Jobs by state and free disk space, read when Prometheus asks."""

    def __init__(self, revisions: RevisionLedger, root: Path) -> None:
        self._revisions = revisions
        self._root = root

    def collect(self) -> Iterator[Metric]:
        counts = dict.fromkeys(STATES, 0) | self._revisions.count_by_state()
        counts["received"] = len(self._revisions.arriving())
        jobs = GaugeMetricFamily("hunet_gateway_jobs", "Study revisions in the ledger.", labels=["state"])
        for state, count in counts.items():
            jobs.add_metric([state], count)
        yield jobs
        free = GaugeMetricFamily("hunet_gateway_storage_free_bytes", "Free space where studies are stored.")
        free.add_metric([], disk_usage(self._root).free)
        yield free
