"""What the gateway counts for Prometheus. No label holds a UID, an AE title or anything of a patient."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Literal, get_args

from hunet_protocol.tracing import exemplar, span
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pacs_gateway.jobs.states import STATES
from pacs_gateway.storage.ledgers import Ledgers

Step = Literal["select", "segment", "build", "show", "send", "ask for commitment"]

ASSOCIATIONS = Counter("hunet_gateway_associations", "Association requests.", ["outcome"])
INSTANCES = Counter("hunet_gateway_instances", "Instances received.", ["outcome"])
STEP_SECONDS = Histogram(
    "hunet_gateway_step_seconds",
    "Time of one attempt at a job's step.",
    ["step", "outcome"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
)


# A rate needs the zero before the first event.
for _outcome in ("accepted", "rejected"):
    ASSOCIATIONS.labels(outcome=_outcome)
for _outcome in ("stored", "duplicate", "own_result", "refused"):
    INSTANCES.labels(outcome=_outcome)
for _step in get_args(Step):
    for _outcome in ("done", "failed"):
        STEP_SECONDS.labels(step=_step, outcome=_outcome)


@contextmanager
def timed(step: Step) -> Iterator[None]:
    """Around one attempt at a step: counted, and a span of its job's trace."""
    started = time.monotonic()
    outcome = "failed"
    with span(step):
        try:
            yield
            outcome = "done"
        finally:
            STEP_SECONDS.labels(step=step, outcome=outcome).observe(time.monotonic() - started, exemplar())


class LedgerCollector(Collector):
    """Jobs and deliveries by state, and free disk space, read when Prometheus asks."""

    def __init__(self, ledgers: Ledgers, root: Path) -> None:
        self._ledgers = ledgers
        self._root = root

    def collect(self) -> Iterator[Metric]:
        ledgers = self._ledgers
        jobs = GaugeMetricFamily(
            "hunet_gateway_jobs", "Studies that came by DICOM, and uploads, in the ledger.", labels=["kind", "state"]
        )
        studies = ledgers.revisions.count_by_state() | {"received": len(ledgers.revisions.arriving())}
        for kind, counts in (("study", studies), ("upload", ledgers.uploads.count_by_state())):
            for state in STATES:
                jobs.add_metric([kind, state], counts.get(state, 0))
        yield jobs
        yield GaugeMetricFamily(
            "hunet_gateway_deliveries_waiting",
            "Results on their way to a destination.",
            value=len(ledgers.deliveries.waiting()),
        )
        yield GaugeMetricFamily(
            "hunet_gateway_storage_free_bytes",
            "Free space where studies are stored.",
            value=disk_usage(self._root).free,
        )
