"""Every study that the gateway has, whichever door it came through."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from pacs_gateway.http_api.problem import Problem
from pacs_gateway.http_api.study import PREFIX, Study, study_of_upload
from pacs_gateway.jobs.progress_board import ProgressBoard
from pacs_gateway.jobs.states import State
from pacs_gateway.storage.ledgers import Ledgers
from pacs_gateway.storage.revisions import Revision
from pacs_gateway.storage.study_folder import StudyFolder, revision_folder_id
from pacs_gateway.storage.uploads import Upload


class Catalogue:
    """Uploads and revisions of studies that came by DICOM, as the API shows them."""

    def __init__(self, root: Path, ledgers: Ledgers, progress: ProgressBoard) -> None:
        self._root = root
        self._ledgers = ledgers
        self._progress = progress
        # The ledger knows revisions by study and number; ids that have been asked for.
        self._keys: dict[str, tuple[str, int]] = {}

    def get(self, study_id: str) -> Study | None:
        """None where there is no such study."""
        upload = self._ledgers.uploads.get(study_id)
        if upload is not None:
            return self._of_upload(upload)
        if study_id not in self._keys:
            self._keys = {revision_folder_id(*key): key for key in self._ledgers.revisions.identities()}
        key = self._keys.get(study_id)
        return None if key is None else self._of_revision(self._ledgers.revisions.get(*key))

    def page(self, state: State | None, before: datetime | None, limit: int) -> list[Study]:
        """The newest that are in this state and came before this time."""
        # The cursor's time is rounded to the microsecond: what rounds to it has been on the page before.
        before_s = None if before is None else before.timestamp() - 0.5e-6
        uploads = self._ledgers.uploads.page(state=state, before=before_s, limit=limit)
        revisions = self._ledgers.revisions.page(state=state, before=before_s, limit=limit)
        studies = [*map(self._of_upload, uploads), *map(self._of_revision, revisions)]
        return sorted(studies, key=lambda study: study.received_at, reverse=True)[:limit]

    def _of_upload(self, upload: Upload) -> Study:
        return study_of_upload(upload, StudyFolder(self._root, upload.id), self._progress)

    def _of_revision(self, revision: Revision) -> Study:
        study_id = revision_folder_id(revision.study_uid, revision.number)
        folder = StudyFolder(self._root, study_id)
        counts = _counts(folder)
        ended = revision.state in ("done", "failed")
        error = None
        if revision.state == "failed":
            error = Problem(
                title="The study failed", status=500, detail=revision.reason, fix="`hunet pacs retry` begins it anew."
            )
        return Study(
            id=study_id,
            source="dicom",
            name=f"study {revision.study_uid}, revision {revision.number}",
            state=revision.state,
            priority=revision.priority,
            received_at=datetime.fromtimestamp(revision.closed_at, UTC),
            finished_at=datetime.fromtimestamp(revision.updated_at, UTC) if ended else None,
            progress=None,
            lesion_count=counts[0],
            total_volume_ml=counts[1],
            quality_score=counts[2],
            error=error,
            prior=None,
            links={name: f"{PREFIX}/studies/{study_id}/{name}" for name in folder.views()},
        )


def _counts(folder: StudyFolder) -> tuple[int | None, float | None, float | None]:
    """Lesions, their volume in ml, and the scan's quality, of a report that is there."""
    path = folder.view("report.json")
    if path is None:
        return None, None, None
    report = json.loads(path.read_text(encoding="utf-8"))
    return report["lesion_count"], report["total_volume_ml"], report["quality"]["score"]
