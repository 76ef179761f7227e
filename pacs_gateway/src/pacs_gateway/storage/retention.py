"""What becomes of a study's images when its revision has ended."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pacs_gateway.audit import AuditLog
from pacs_gateway.routing.configuration import Retention
from pacs_gateway.storage.deidentify import KEPT_FOLDER, DeidentifiedStudy
from pacs_gateway.storage.ledgers import Ledgers
from pacs_gateway.storage.revisions import Revision
from pacs_gateway.storage.study_folder import VIEWS_FOLDER, StudyFolder
from pacs_gateway.storage.uids import path_part

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S


def apply_retention(
    root: Path, retention: Retention, ledgers: Ledgers, audit: AuditLog, clear_results: Callable[[Path, str, int], None]
) -> None:
    """Deletes or de-identifies what has stayed its time. Repeated or cut off, it ends the same. Raises OSError."""
    now = time.time()
    if retention.images != "keep":
        for revision in ledgers.revisions.uncleared("done", now - retention.after_done_h * _HOUR_S):
            _clear(root, ledgers, audit, revision, deidentify=retention.images == "deidentify")
    for revision in ledgers.revisions.uncleared("failed", now - retention.after_failed_h * _HOUR_S):
        clear_results(root, revision.study_uid, revision.number)
        _clear(root, ledgers, audit, revision, deidentify=False)
    _delete_old(root / KEPT_FOLDER, now - retention.deidentified_days * _DAY_S)
    _delete_views(root, ledgers, audit, now - retention.views_days * _DAY_S)


def _delete_views(root: Path, ledgers: Ledgers, audit: AuditLog, before: float) -> None:
    """Uploads and what was shown of studies. What readers accepted of them is kept apart."""
    for upload in ledgers.uploads.ended(before):
        ledgers.uploads.delete(upload.id)
        StudyFolder(root, upload.id).delete()
        audit.write("upload removed", upload=upload.id)
    views = root / VIEWS_FOLDER
    for folder in views.iterdir() if views.is_dir() else ():
        if folder.stat().st_mtime < before and ledgers.uploads.get(folder.name) is None:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(root: Path, ledgers: Ledgers, audit: AuditLog, revision: Revision, *, deidentify: bool) -> None:
    study_uid, number = revision.study_uid, revision.number
    if ledgers.revisions.study_is_busy(study_uid):
        # Its images belong to the next revision as well.
        return
    instances = [instance for instance, kept in ledgers.instances.of_revision(study_uid, number) if kept]
    files = [root / instance.path for instance in instances if (root / instance.path).is_file()]
    copies = DeidentifiedStudy(root, f"{path_part(study_uid)}-{number}")
    kept = copies.write(files) if deidentify else 0

    def replace() -> None:
        copies.publish()
        _delete(files)

    ledgers.instances.forget_files(study_uid, number, replace)
    ledgers.revisions.set_cleared(study_uid, number)
    audit.write("images removed", study_uid=study_uid, revision=number, instances=len(files), deidentified=kept)


def _delete(files: Sequence[Path]) -> None:
    """These files, and no others: more of the study may be arriving. Folders go when they are empty."""
    for file in files:
        file.unlink(missing_ok=True)
    for folder in {file.parent for file in files}:
        with suppress(OSError):
            folder.rmdir()
            folder.parent.rmdir()


def _delete_old(folder: Path, before: float) -> None:
    for study in folder.iterdir() if folder.is_dir() else ():
        if study.stat().st_mtime < before:
            shutil.rmtree(study, ignore_errors=True)
