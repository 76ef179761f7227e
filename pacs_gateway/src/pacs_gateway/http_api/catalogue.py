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


class Catalogue:
    """Uploads and revisions of studies that came by DICOM, as the API shows them."""

    def __init__(self, root: Path, ledgers: Ledgers, progress: ProgressBoard) -> None:
        self._root = root
        self._ledgers = ledgers
        self._progress = progress

    def get(self, study_id: str) -> Study | None:
        """None where there is no such study."""
        upload = self._ledgers.uploads.get(study_id)
        if upload is not None:
            return study_of_upload(upload, StudyFolder(self._root, upload.id), self._progress)
        return next((self._of_revision(one) for one in self._revisions() if _id(one) == study_id), None)

    def page(self, state: State | None, before: datetime | None, limit: int) -> list[Study]:
        """The newest that are in this state and came before this time."""
        uploads = self._ledgers.uploads.page(
            states=None if state is None else (state,),
            before=None if before is None else before.timestamp(),
            limit=limit,
        )
        studies = [study_of_upload(one, StudyFolder(self._root, one.id), self._progress) for one in uploads]
        studies += [
            self._of_revision(one)
            for one in self._revisions()
            if state in (None, one.state) and (before is None or one.closed_at < before.timestamp())
        ]
        return sorted(studies, key=lambda study: study.received_at, reverse=True)[:limit]

    def _revisions(self) -> list[Revision]:
        return self._ledgers.revisions.all()

    def _of_revision(self, revision: Revision) -> Study:
        study_id = _id(revision)
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


def _id(revision: Revision) -> str:
    return revision_folder_id(revision.study_uid, revision.number)


def _counts(folder: StudyFolder) -> tuple[int | None, float | None, float | None]:
    """Lesions, their volume in ml, and the scan's quality, of a report that is there."""
    path = folder.view("report.json")
    if path is None:
        return None, None, None
    report = json.loads(path.read_text(encoding="utf-8"))
    return report["lesion_count"], report["total_volume_ml"], report["quality"]["score"]
