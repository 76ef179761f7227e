"""The durable job of one scan that came over HTTP: unpack where it is DICOM, segment, keep what people look at.

In the same queue as the studies that come by DICOM, so that one limit and one order of urgency hold for all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from dbos import DBOS, DBOSConfiguredInstance, SetEnqueueOptions, SetWorkflowID
from hunet_client.errors import HunetError
from hunet_protocol.tracing import span

from pacs_gateway.audit import AuditLog
from pacs_gateway.jobs.retries import attempt, backing_off, reason_of
from pacs_gateway.jobs.study_jobs import JOB_QUEUE, PRIORITIES
from pacs_gateway.jobs.upload_steps import SegmentUpload
from pacs_gateway.routing.configuration import Configuration
from pacs_gateway.storage.study_folder import StudyFolder
from pacs_gateway.storage.uploads import Upload, UploadLedger

_MAX_RECOVERIES = 20

_LOG = logging.getLogger(__name__)


@DBOS.dbos_class()
class UploadJobs(DBOSConfiguredInstance):
    def __init__(
        self, configuration: Configuration, ledger: UploadLedger, segment: SegmentUpload, audit: AuditLog
    ) -> None:
        self._jobs = configuration.jobs
        self._root: Path = configuration.storage.root
        self._ledger = ledger
        self._segment_scan = segment
        self._audit = audit
        super().__init__(config_name="gateway")

    def enqueue(self, upload: Upload) -> None:
        """Gives a scan to the engine, once however often it is called."""
        with SetWorkflowID(upload_job_id(upload.id)), SetEnqueueOptions(priority=PRIORITIES[upload.priority]):
            DBOS.enqueue_workflow(JOB_QUEUE, self.process_upload, upload.id)
        self._ledger.change(upload.id, started=True)

    def cancel(self, upload_id: str) -> None:
        """The engine does not take it up any more; a step under way ends without effect."""
        DBOS.cancel_workflow(upload_job_id(upload_id))

    @DBOS.workflow(max_recovery_attempts=_MAX_RECOVERIES)
    def process_upload(self, upload_id: str) -> None:
        with span("upload job"):
            try:
                DBOS.run_step(backing_off(self._jobs, "segment upload"), self._segment, upload_id)
            except Exception as error:
                _LOG.warning("job of upload %s failed", upload_id, exc_info=error)
                DBOS.run_step(backing_off(self._jobs, "fail upload"), self._fail, upload_id, *_what_and_fix(error))

    def _segment(self, upload_id: str) -> None:
        """One step: a segmentation is too large for the engine's database, and quick to make again."""
        upload = self._ledger.get(upload_id)
        if upload is None:  # deleted meanwhile
            return
        self._ledger.change(upload_id, state="segmenting")
        folder = StudyFolder(self._root, upload_id)
        with attempt("segment"), _nameless(upload_id):
            result = self._segment_scan(folder, upload, datetime.fromtimestamp(upload.received_at, UTC))
        if self._ledger.get(upload_id) is None:
            folder.delete()
            return
        self._ledger.change(
            upload_id,
            state="done",
            lesion_count=result.lesion_count,
            total_volume_ml=result.total_volume_ml,
            quality_score=result.quality_score,
        )
        self._audit.write("upload segmented", upload=upload_id)

    def _fail(self, upload_id: str, what: str, fix: str) -> None:
        self._ledger.change(upload_id, state="failed", what=what, fix=fix)
        self._audit.write("job failed", upload=upload_id, reason=what)


@contextmanager
def _nameless(upload_id: str) -> Iterator[None]:
    """Errors go into the engine's database, where an upload's name, which may be a patient's, must not stand."""
    try:
        yield
    except HunetError as error:
        error.subject = f"upload {upload_id}"
        error.args = (error.subject, *error.args[1:])
        raise


def upload_job_id(upload_id: str) -> str:
    return f"upload-{upload_id}"


def _what_and_fix(error: Exception) -> tuple[str, str]:
    """For whoever sent the scan. Unforeseen errors give their kind only: their text may hold anything."""
    cause = error.__cause__ if isinstance(error.__cause__, HunetError) else error
    if isinstance(cause, HunetError):
        return cause.what, cause.fix
    return reason_of(error), "Send it again, or ask who runs the gateway"
