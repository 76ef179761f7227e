"""From the body of a request to a job, and back to nothing when it is deleted."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from pacs_gateway.audit import AuditLog
from pacs_gateway.http_api.problem import ProblemError
from pacs_gateway.http_api.receive import file_name, receive_body
from pacs_gateway.http_api.scan_kind import ScanKind, scan_kind
from pacs_gateway.jobs.upload_jobs import UploadJobs
from pacs_gateway.routing.configuration import Api, Priority
from pacs_gateway.storage.corrections import Corrections
from pacs_gateway.storage.study_folder import StudyFolder
from pacs_gateway.storage.uploads import Upload, UploadLedger, new_upload_id

_BUSY_RETRY_S = "30"


class Uploading:
    """Scans in: on the disk and in the ledger before they are acknowledged."""

    def __init__(self, root: Path, api: Api, ledger: UploadLedger, jobs: UploadJobs, audit: AuditLog) -> None:
        self._root = root
        self._api = api
        self._ledger = ledger
        self._jobs = jobs
        self._audit = audit

    def folder(self, study_id: str) -> StudyFolder:
        return StudyFolder(self._root, study_id)

    async def take(
        self, request: Request, priority: Priority, prior: str | None, idempotency_key: str | None
    ) -> tuple[Upload, bool]:
        """The upload, and whether it is new. Raises ProblemError; nothing is kept of what is refused."""
        await run_in_threadpool(self._check_room, idempotency_key)
        upload_id = new_upload_id()
        folder = self.folder(upload_id)
        try:
            limit = self._api.max_upload_mb * 1_000_000
            digest = await receive_body(request, folder.scan, limit, root=self._root)
            name = file_name(request)
            upload = await run_in_threadpool(self._add, upload_id, name, digest, priority, prior, idempotency_key)
        except BaseException:
            await run_in_threadpool(folder.delete)
            raise
        if upload.id != upload_id:
            await run_in_threadpool(folder.delete)
            if upload.content_digest != digest:
                fix = "Use a new key for another scan."
                raise ProblemError(422, "Key used", "this Idempotency-Key came with other bytes before", fix)
            return upload, False
        client = request.client.host if request.client else ""
        await run_in_threadpool(self._accept, upload, client)
        return upload, True

    def delete(self, upload_id: str) -> None:
        """Its job, its row, its files."""
        self._jobs.cancel(upload_id)
        self._ledger.delete(upload_id)
        folder = self.folder(upload_id)
        Corrections(self._root, folder).delete_training_case()
        folder.delete()
        self._audit.write("upload deleted", upload=upload_id)

    def _accept(self, upload: Upload, address: str) -> None:
        self._audit.write("upload received", upload=upload.id, address=address, priority=upload.priority)
        self._jobs.enqueue(upload)

    def _check_room(self, idempotency_key: str | None) -> None:
        if idempotency_key is not None and self._ledger.by_key(idempotency_key) is not None:
            return  # sent again: it takes no further place
        if self._ledger.count_open() >= self._api.max_waiting:
            headers = {"Retry-After": _BUSY_RETRY_S}
            raise ProblemError(429, "Busy", "as many uploads wait as may", "Send it again later.", headers)

    def _add(
        self, upload_id: str, name: str, digest: str, priority: Priority, prior: str | None, key: str | None
    ) -> Upload:
        folder = self.folder(upload_id)
        kind = scan_kind(folder.scan)
        if kind is None:
            what = f"{name} is neither NIfTI nor DICOM nor a zip of DICOM"
            raise ProblemError(415, "Not a scan", what, "Send a .nii.gz file, or a zip of one DICOM study.")
        if kind is not ScanKind.DICOM:
            _show_scan(folder, kind)
        return self._ledger.add(upload_id, name, digest, priority, prior=prior, idempotency_key=key)


def _show_scan(folder: StudyFolder, kind: ScanKind) -> None:
    """The scan itself is the first of its views, while it still waits."""
    view = folder.path / "flair.nii.gz"
    if kind is ScanKind.NIFTI_GZ:
        os.link(folder.scan, view)
        return
    with folder.scan.open("rb") as scan, gzip.open(view, "wb", compresslevel=4) as compressed:
        shutil.copyfileobj(scan, compressed)
