"""The gateway's clock: studies that have become complete go to the engine; what it gave up is told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pacs_gateway.audit import AuditLog
from pacs_gateway.jobs.deliveries import DeliveryJobs
from pacs_gateway.jobs.engine import forget_succeeded_jobs, has_given_up
from pacs_gateway.jobs.job_ids import job_id
from pacs_gateway.jobs.study_jobs import StudyJobs
from pacs_gateway.jobs.upload_jobs import UploadJobs, upload_job_id
from pacs_gateway.routing.configuration import Configuration
from pacs_gateway.storage.ledgers import Ledgers
from pacs_gateway.storage.revisions import Revision

_GIVEN_UP = "The gateway ended every time this was tried; its log says why."
# The ledger, not this thread, remembers: a look that fails is made up for by the next.
_LONGEST_PAUSE_S = 1.0
_HANDED_OVER = ("built", "sent")

_LOG = logging.getLogger(__name__)


class Watch:
    def __init__(
        self,
        configuration: Configuration,
        ledgers: Ledgers,
        studies: StudyJobs,
        uploads: UploadJobs,
        deliveries: DeliveryJobs,
        retention: Callable[[], None],
        audit: AuditLog,
    ) -> None:
        self._quiet_s = configuration.jobs.quiet_s
        self._jobs_stay_s = configuration.retention.after_done_h * 3600.0
        self._urgent = frozenset(one.ae_title for one in configuration.senders if one.priority == "urgent")
        self._ledgers = ledgers
        self._studies = studies
        self._uploads = uploads
        self._deliveries = deliveries
        self._retention = retention
        self._audit = audit
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="study watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while not self._stopping.wait(min(self._quiet_s / 4, _LONGEST_PAUSE_S)):
            for look in (
                self.close_studies,
                self.start_jobs,
                self.tell_given_up,
                self._retention,
                self.forget_jobs,
            ):
                try:
                    look()
                except Exception:
                    _LOG.exception("the watch goes on after an error")

    def close_studies(self) -> None:
        for revision in self._ledgers.revisions.close_quiet_studies(self._quiet_s, self._urgent):
            self._audit.write("study received", **self._received(revision))

    def start_jobs(self) -> None:
        for revision in self._ledgers.revisions.unstarted():
            self._studies.enqueue(revision)
        for upload in self._ledgers.uploads.unstarted():
            self._uploads.enqueue(upload)

    def tell_given_up(self) -> None:
        """Of jobs that the engine will not take up again; a delivered revision that one of them left open is ended."""
        for delivery in self._ledgers.deliveries.waiting():
            if has_given_up(delivery.workflow_id):
                self._ledgers.deliveries.finish(delivery.workflow_id, "failed", _GIVEN_UP)
                self._deliveries.finish_revision(delivery.study_uid, delivery.number)
        for revision in self._ledgers.revisions.unfinished():
            if has_given_up(job_id(revision)):
                self._ledgers.revisions.change(revision.study_uid, revision.number, state="failed", reason=_GIVEN_UP)
            elif revision.state in _HANDED_OVER:
                self._deliveries.finish_revision(revision.study_uid, revision.number)
        for upload in self._ledgers.uploads.unfinished():
            if has_given_up(upload_job_id(upload.id)):
                self._ledgers.uploads.change(upload.id, state="failed", what=_GIVEN_UP, fix="Send it again.")

    def forget_jobs(self) -> None:
        forget_succeeded_jobs(time.time() - self._jobs_stay_s)

    def _received(self, revision: Revision) -> dict[str, object]:
        """Who sent what: instances of each series by sender."""
        counts: dict[tuple[str, str, str], int] = {}
        for instance, _ in self._ledgers.instances.of_revision(revision.study_uid, revision.number):
            key = instance.sender, instance.address, instance.series_uid
            counts[key] = counts.get(key, 0) + 1
        return {
            "study_uid": revision.study_uid,
            "revision": revision.number,
            "priority": revision.priority,
            "series": [
                {"ae_title": sender, "address": address, "series_uid": series_uid, "instances": count}
                for (sender, address, series_uid), count in sorted(counts.items())
            ],
        }
