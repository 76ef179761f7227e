"""The durable engine (docs/decisions/0010-durable-engine.md): its database, its queues, its beginning and end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from dbos import DBOS, DBOSConfig

from pacs_gateway.jobs.deliveries import delivery_queue
from pacs_gateway.jobs.study_jobs import JOB_QUEUE
from pacs_gateway.routing.configuration import Configuration

# Jobs begun under one layout of steps are not resumed under another: raise it when steps are added, removed or
# reordered. Set by hand, since by default any change of the source would leave unfinished jobs behind.
STEP_LAYOUT = "1"
_DELIVERIES_AT_ONCE = 8
_POLLING_S = 0.5
# So that a long history is deleted in many short transactions.
_FORGOTTEN_AT_ONCE = 100


def prepare_engine(configuration: Configuration) -> None:
    """Before the job classes are made. Nothing runs yet."""
    url = configuration.jobs.database_url or f"sqlite:///{configuration.storage.root / 'jobs.sqlite'}"
    config: DBOSConfig = {
        "name": "hunet-pacs-gateway",
        "system_database_url": url,
        "executor_id": configuration.jobs.gateway,
        "application_version": STEP_LAYOUT,
        "log_level": "ERROR",
        "notification_listener_polling_interval_sec": _POLLING_S,
    }
    DBOS(config=config)


def start_engine(configuration: Configuration) -> None:
    """Resumes what this gateway had begun, and takes up what waits in the queues."""
    DBOS.launch()
    DBOS.register_queue(
        JOB_QUEUE,
        worker_concurrency=configuration.jobs.concurrency,
        polling_interval_sec=_POLLING_S,
        on_conflict="always_update",
    )
    for name in _queue_names(configuration):
        DBOS.register_queue(
            name, worker_concurrency=_DELIVERIES_AT_ONCE, polling_interval_sec=_POLLING_S, on_conflict="always_update"
        )


def stop_engine() -> None:
    """Steps under way are left to the next start: each may run twice."""
    DBOS.destroy()


def has_given_up(workflow_id: str) -> bool:
    """Whether the engine will never finish this: it brought the gateway down too often, or was cancelled."""
    status = DBOS.get_workflow_status(workflow_id)
    return status is not None and status.status in ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED")


def forget_succeeded_jobs(before: float) -> None:
    """Deletes some of what the engine keeps of jobs that succeeded before this time, in seconds since 1970.

    What it gave up stays: `has_given_up` must know it, and whoever looks into it.
    """
    succeeded = DBOS.list_workflows(
        status="SUCCESS",
        completed_before=datetime.fromtimestamp(before, UTC).isoformat(),
        limit=_FORGOTTEN_AT_ONCE,
        load_input=False,
        load_output=False,
    )
    if succeeded:
        DBOS.delete_workflows([job.workflow_id for job in succeeded])


def _queue_names(configuration: Configuration) -> Iterable[str]:
    return (delivery_queue(destination.name) for destination in configuration.destinations)
