"""The durable job of one study revision: select, segment, build, hand over to the deliveries.

Each step's outcome is in the engine's database before the next one begins. A gateway that dies goes on with the step
it was in; every step may therefore run twice, and is written so that twice is as good as once.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from dbos import DBOS, DBOSConfiguredInstance, SetEnqueueOptions, SetWorkflowID
from hunet_protocol.tracing import span

from pacs_gateway.audit import AuditLog
from pacs_gateway.jobs.deliveries import DeliveryJobs
from pacs_gateway.jobs.job_ids import job_id
from pacs_gateway.jobs.outbox import clear_results, write_results
from pacs_gateway.jobs.retries import attempt, backing_off, reason_of
from pacs_gateway.jobs.selection import NothingToSegmentError, Selection, select_series, selected_files
from pacs_gateway.jobs.steps import ProcessingSteps
from pacs_gateway.routing.configuration import Configuration
from pacs_gateway.storage.ledgers import Ledgers
from pacs_gateway.storage.revisions import Revision
from pacs_gateway.storage.study_folder import StudyFolder, revision_folder_id

JOB_QUEUE = "studies"
# The engine starts the lowest number first.
PRIORITIES = {"urgent": 1, "routine": 10}
# A study that takes the gateway down with it every time ends as failed.
_MAX_RECOVERIES = 20

_LOG = logging.getLogger(__name__)


@DBOS.dbos_class()
class StudyJobs(DBOSConfiguredInstance):
    def __init__(
        self,
        configuration: Configuration,
        ledgers: Ledgers,
        steps: ProcessingSteps,
        deliveries: DeliveryJobs,
        audit: AuditLog,
    ) -> None:
        self._configuration = configuration
        self._root: Path = configuration.storage.root
        self._ledgers = ledgers
        self._steps = steps
        self._deliveries = deliveries
        self._audit = audit
        super().__init__(config_name="gateway")

    def enqueue(self, revision: Revision) -> None:
        """Gives a complete revision to the engine, once however often it is called."""
        with (
            SetWorkflowID(job_id(revision)),
            SetEnqueueOptions(priority=PRIORITIES[revision.priority]),
        ):
            DBOS.enqueue_workflow(JOB_QUEUE, self.process, revision.study_uid, revision.number)
        self._ledgers.revisions.change(revision.study_uid, revision.number, started=True)

    @DBOS.workflow(max_recovery_attempts=_MAX_RECOVERIES)
    def process(self, study_uid: str, number: int) -> None:
        with span("study job"):
            self._process(study_uid, number)

    def _process(self, study_uid: str, number: int) -> None:
        jobs = self._configuration.jobs
        try:
            selection = DBOS.run_step(backing_off(jobs, "select"), self._select, study_uid, number)
            if selection is None:
                return
            DBOS.run_step(backing_off(jobs, "segment"), self._segment_and_build, study_uid, number, selection)
            deliveries = DBOS.run_step(backing_off(jobs, "plan deliveries"), self._deliveries.plan, study_uid, number)
        except Exception as error:
            _LOG.warning("job of revision %d of study %s failed", number, study_uid, exc_info=error)
            DBOS.run_step(backing_off(jobs, "fail"), self._fail, study_uid, number, reason_of(error))
            return
        for delivery in deliveries:
            self._deliveries.enqueue(delivery)

    def _select(self, study_uid: str, number: int) -> Selection | None:
        """None where the revision has ended: nothing to segment, or the slices of another one."""
        revisions, configuration = self._ledgers.revisions, self._configuration
        try:
            with attempt("select"):
                selection = select_series(
                    study_uid, number, self._ledgers.instances, self._root, configuration.series, self._steps.select
                )
        except NothingToSegmentError as error:
            self._end_without_results(study_uid, number, reason_of(error))
            return None
        holder = revisions.claim_input(study_uid, number, selection.series_uid, selection.input_digest)
        if holder is not None:
            reason = f"The series is the one of revision {holder.number}, with the same slices."
            self._end_without_results(study_uid, number, reason)
            return None
        revisions.change(study_uid, number, state="selected", reason=selection.why)
        return selection

    def _end_without_results(self, study_uid: str, number: int, reason: str) -> None:
        # An earlier attempt may have left some.
        clear_results(self._root, study_uid, number)
        self._ledgers.revisions.change(study_uid, number, state="done", reason=reason)

    def _segment_and_build(self, study_uid: str, number: int, selection: Selection) -> None:
        """One step: a segmentation is too large for the engine's database, and quick to make again."""
        revisions = self._ledgers.revisions
        revisions.change(study_uid, number, state="segmenting")
        files = selected_files(study_uid, number, selection, self._ledgers.instances, self._root)
        revision = revisions.get(study_uid, number)
        with attempt("segment"):
            segmentation = self._steps.segment(files, revision.priority)
        made_at = datetime.fromtimestamp(revision.closed_at, UTC)
        with attempt("build"):
            datasets = self._steps.build(files, segmentation, made_at)
        with attempt("show"):
            views = self._steps.show(files, segmentation, datasets, made_at)
        folder = StudyFolder(self._root, revision_folder_id(study_uid, number))
        for name, content in views.items():
            folder.write(name, content)
        clear_results(self._root, study_uid, number)
        results = write_results(self._root, study_uid, number, datasets)
        self._ledgers.deliveries.set_results(study_uid, number, results)
        revisions.change(study_uid, number, state="built")

    def _fail(self, study_uid: str, number: int, reason: str) -> None:
        self._ledgers.revisions.change(study_uid, number, state="failed", reason=reason)
        self._audit.write("job failed", study_uid=study_uid, revision=number, reason=reason)
